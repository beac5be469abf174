"""Why a file is not read, as errors that name it: what the file system, S3 and the readers of the formats refuse."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext

from emr_jobs.core.errors import AccessDenied, BadInput, Remedy, Unavailable
from emr_jobs.core.partition import Partition


class Unreadable(Exception):
    """What a file is, in the words of the message."""


def require_once_each(columns: Sequence[str]) -> None:
    """A record has one value by a name: of two columns the first would be lost."""
    for name, count in Counter(columns).items():
        if count > 1:
            raise Unreadable(f"that has {count} columns with the name {name[:60]!r}")


@contextmanager
def refusals(name: str, *, dataset: str, partition: Partition) -> Iterator[None]:
    """Of a file or a pattern."""
    s3 = _refusals_of_s3(name, dataset=dataset, partition=partition) if name.startswith("s3") else nullcontext()
    try:
        with s3:
            yield
    except Unreadable as error:
        found = str(error)
    except OSError as error:
        found = f"that is refused ({error.strerror})"
    else:
        return
    raise BadInput(
        dataset=dataset,
        partition=partition,
        expected="whole files",
        found=f"{name} {found}",
        fix="Deliver the file again.",
        remedy=Remedy.RERUN,
    )


@contextmanager
def _refusals_of_s3(name: str, *, dataset: str, partition: Partition) -> Iterator[None]:
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in ("403", "AccessDenied"):
            raise AccessDenied(
                dataset=dataset,
                partition=partition,
                expected=f"S3 to give {name}",
                found=code,
                fix="Let this role read it (s3:ListBucket, s3:GetObject).",
                remedy=Remedy.RERUN,
            ) from None
        if code in ("404", "NoSuchKey", "NoSuchBucket"):
            raise Unreadable(f"that is not there ({code})") from None
        found = code
    except (BotoCoreError, Boto3Error) as error:
        found = type(error).__name__
    else:
        return
    raise Unavailable(
        dataset=dataset,
        partition=partition,
        expected=f"S3 to give {name}",
        found=found,
        fix="",
        remedy=Remedy.RERUN,
    )
