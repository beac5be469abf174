"""What AWS answered instead of doing it, as one line: an error that a person can mend, not a stack trace."""

import re
import sys

from emr_jobs.core.errors import Misconfigured

SIGN_IN = ("ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException")
_OF_ARROW = re.compile(r"(?:When )?(.*): AWS Error (\w+) during (\w+) operation", re.DOTALL)


class AwsRefused(Misconfigured):
    """Says which call, why, what to do."""


def aws_refusal(error: Exception) -> AwsRefused | None:
    """None when it is not an error of AWS."""
    if isinstance(error, OSError):  # of pyarrow, which reads the lake's files
        if (of_arrow := _OF_ARROW.match(str(error))) is None:
            return None
        what, code, operation = of_arrow.groups()
        return AwsRefused(f"{operation}: {code}: {what}")
    if "botocore" not in sys.modules:  # then nobody has asked it for anything: no verb imports it to fail
        return None
    from botocore.exceptions import BotoCoreError, ClientError

    if isinstance(error, ClientError):
        code, said = error.response["Error"]["Code"], error.response["Error"]["Message"]
        fix = ". Sign in again, or set AWS_PROFILE" if code in SIGN_IN else ""
        return AwsRefused(f"{error.operation_name}: {code}: {said.rstrip('.')}{fix}")
    if isinstance(error, BotoCoreError):  # no credentials, no region, no profile, no network
        return AwsRefused(
            f"{str(error).rstrip('.')}. Account and region are those of AWS_PROFILE and [aws] in the settings"
        )
    return None
