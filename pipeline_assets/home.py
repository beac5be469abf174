"""Where this checkout keeps its state, and which settings a verb uses.

PIPELINE_HOME, else .pipeline/ in the repository: the stack's data, settings and secrets, and Dagster's history.
PIPELINE_PROFILES, else settings/: local.toml, emulator.toml and production.toml, which name the domain.
Settings, in this order: --settings, PIPELINE_SETTINGS, the running stack's, the profiles' local.toml.
"""

import fcntl
import os
from pathlib import Path
from tempfile import mkstemp
from typing import TYPE_CHECKING

from emr_jobs.core.errors import Misconfigured

if TYPE_CHECKING:  # the models of settings take long to import, for a verb that only says what there is
    from emr_jobs.core.settings import Aws, DeploymentSettings, Settings

ROOT = Path(__file__).parents[1]


def home() -> Path:
    return Path(os.environ.get("PIPELINE_HOME", ROOT / ".pipeline")).resolve()


def profile(name: str) -> Path:
    """`local`, `emulator` or `production`."""
    return Path(os.environ.get("PIPELINE_PROFILES", ROOT / "settings")).resolve() / f"{name}.toml"


def cache() -> Path:
    """What can be made again: jars, class archives. PIPELINE_CACHE, else .cache/ in the repository."""
    return Path(os.environ.get("PIPELINE_CACHE", ROOT / ".cache")).resolve()


def settings_uri(given: str | None = None) -> str:
    if given:
        return given
    if named := os.environ.get("PIPELINE_SETTINGS"):
        return named
    if stack_is_running(home()):
        return str(home() / "settings.toml")
    return str(profile("local"))


def load_settings(given: str | None = None) -> "Settings":
    """The settings; from now on this process's AWS clients, and those of its children, go where they say."""
    from emr_jobs.core.settings import load

    uri = settings_uri(given)
    settings = load(uri)
    if "${" in settings.model_dump_json():
        raise Misconfigured(
            f"settings {uri}: names in ${{}} are put in by `pipeline deploy`, which prints the address of the result"
        )
    use_aws(settings.aws)
    return settings


def deployment_settings(given: str | None = None) -> "DeploymentSettings":
    """Of the deployment that synth, deploy and the verbs of production are about: never the running stack's."""
    from emr_jobs.core.settings import load, of_a_deployment

    settings = of_a_deployment(load(given or str(profile("production"))))
    use_aws(settings.aws)
    return settings


def use_aws(aws: "Aws") -> None:
    os.environ.update(aws_environment(aws))
    if aws.endpoint:
        os.environ.pop("AWS_PROFILE", None)  # it would win over the keys


def aws_environment(aws: "Aws") -> dict[str, str]:
    """Pure. At an endpoint of the local stack any keys will do, and real ones must not be sent."""
    keys = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
    return {**aws.region_environment, **({"AWS_ENDPOINT_URL": aws.endpoint, **keys} if aws.endpoint else {})}


def lock_file(folder: Path) -> Path:
    return folder / "stack.lock"


def stack_is_running(folder: Path) -> bool:
    """The supervisor holds a lock for as long as it lives; the file itself says nothing."""
    return is_locked(lock_file(folder))


def is_locked(path: Path) -> bool:
    """By a process that lives."""
    try:
        with path.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def dagster_home(given: Path | None = None) -> Path:
    """Dagster's folder, DAGSTER_HOME or one in ours, telemetry and its sign-up dialog off.

    Runs of every verb and of the UI land there.
    """
    folder = (given or Path(os.environ.get("DAGSTER_HOME", home() / "dagster"))).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "dagster.yaml"
    if not config.exists():
        write_whole(config, "telemetry:\n  enabled: false\nnux:\n  enabled: false\n")
    return folder


def write_whole(file: Path, text: str, *, mode: int = 0o644) -> None:
    """So that a process that reads it meanwhile finds all of it: what it was, or this. Nothing is left of a failure."""
    descriptor, beside = mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "w") as whole:
            whole.write(text)
        os.chmod(beside, mode)
        os.replace(beside, file)
    except BaseException:
        os.unlink(beside)
        raise
