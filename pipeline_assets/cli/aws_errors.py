"""What AWS answered instead of doing it, as one line: an error that a person can mend, not a stack trace."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from emr_jobs.errors import Misconfigured

SIGN_IN = ("ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException")
_OF_ARROW = re.compile(r"(?:When )?(.*): AWS Error (\w+) during (\w+) operation", re.DOTALL)


class AwsRefused(Misconfigured):
    """Says which call, why, what to do."""


@contextmanager
def aws_errors_named() -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code, said = error.response["Error"]["Code"], error.response["Error"]["Message"]
        fix = ". Sign in again, or set AWS_PROFILE" if code in SIGN_IN else ""
        raise AwsRefused(f"{error.operation_name}: {code}: {said.rstrip('.')}{fix}") from error
    except BotoCoreError as error:  # no credentials, no region, no profile, no network
        raise AwsRefused(
            f"{str(error).rstrip('.')}. Account and region are those of AWS_PROFILE and [aws] in the settings"
        ) from error
    except OSError as error:  # of pyarrow, which reads the lake's files
        if (said := _OF_ARROW.match(str(error))) is None:
            raise
        what, code, operation = said.groups()
        raise AwsRefused(f"{operation}: {code}: {what}") from error
