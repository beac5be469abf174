"""The local AWS as an account that is ready for the pipeline: its process, its buckets, its secrets, its deliveries."""

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from emr_jobs.contracts.read import Files
from emr_jobs.core.settings import Aws, Settings
from emr_jobs.domain import domain_of
from local_stack.aws import ADDRESSES, REGION
from pipeline_assets.home import aws_environment
from pipeline_assets.process import TiedProcess

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

START_TIMEOUT_S = 60


class LocalAws:
    """Starts at once; `wait` returns its addresses when it answers, `stop` ends it and every step."""

    def __init__(self, folder: Path, *, yarn: bool = False, plain: bool = False) -> None:
        """`plain`: its steps are programs without Spark."""
        folder.mkdir(parents=True, exist_ok=True)
        self._addresses = folder / ADDRESSES
        self._addresses.unlink(missing_ok=True)
        self._log = folder / "aws.log"
        with self._log.open("w") as log:
            command = [
                sys.executable,
                "-m",
                "local_stack.aws",
                str(folder),
                *(["--yarn"] if yarn else []),
                *(["--plain"] if plain else []),
            ]
            self._process = TiedProcess(command, output=log)
        self._deadline = time.monotonic() + START_TIMEOUT_S

    def wait(self) -> dict[str, str]:
        """`url` of the server, `faults` of its switches."""
        while self._process.poll() is None and time.monotonic() < self._deadline:
            if self._addresses.exists():
                return json.loads(self._addresses.read_text())
            time.sleep(0.05)
        self.stop()
        raise RuntimeError(f"the local AWS did not start; {self._log} ends with:\n{self._log.read_text()[-500:]}")

    def stop(self) -> None:
        self._process.kill()


def client(service: str, endpoint: str) -> Any:
    import boto3

    keys = aws_environment(Aws(endpoint=endpoint))
    return boto3.client(  # type: ignore[call-overload]  # of any service, so of any type
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
    )


def furnish(settings: Settings, *, secrets: dict[str, str], data: Path) -> None:
    """Every bucket that the settings name, these secrets by their references, and the files of `data`."""
    endpoint = settings.aws.endpoint
    assert endpoint is not None, "settings of the local AWS"
    assert settings.emr is not None, "settings of the local AWS"
    s3 = client("s3", endpoint)
    named = (settings.emr.log_uri, settings.emr.artifacts_uri, settings.lake.warehouse, settings.runs.uri)
    delivered = [each.uri for each in settings.files.values()]
    for bucket in sorted({urlsplit(uri).netloc for uri in (*named, *delivered)}):
        s3.create_bucket(Bucket=bucket)
    for reference, value in secrets.items():
        client("secretsmanager", endpoint).create_secret(Name=reference.removeprefix("aws:"), SecretString=value)
    deliver(settings, data)


def deliver(settings: Settings, data: Path) -> None:
    """Every file in `data` that is of a source; what is there already is replaced."""
    assert settings.aws.endpoint is not None, "settings of the local AWS"
    s3 = client("s3", settings.aws.endpoint)
    for contract in domain_of(settings).sources:
        if isinstance(contract.read, Files):
            _deliver(s3, settings.files[contract.read.connection].uri, contract.read, data)


def _deliver(s3: "S3Client", uri: str, declared: Files, data: Path) -> None:
    """What lies in `data` as the contract has it, under the connection's address."""
    folder = declared.path.partition("{")[0].rpartition("/")[0]
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    for file in sorted((data / folder).rglob("*")):
        if file.is_file():
            s3.upload_file(str(file), bucket, f"{prefix}/{file.relative_to(data)}".lstrip("/"))
