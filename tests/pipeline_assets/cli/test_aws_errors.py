"""What AWS refuses is one line that a person can act on."""

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from pipeline_assets.cli.aws_errors import aws_refusal


def refused(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "CreateChangeSet")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (refused("AccessDenied", "User x may not."), "CreateChangeSet: AccessDenied: User x may not"),
        (
            refused("ExpiredToken", "The token is expired."),
            "CreateChangeSet: ExpiredToken: The token is expired. Sign in again, or set AWS_PROFILE",
        ),
        (
            NoCredentialsError(),
            "Unable to locate credentials. Account and region are those of AWS_PROFILE and [aws] in the settings",
        ),
        (
            OSError(
                "When reading information for key 'a.metadata.json' in bucket 'lake': AWS Error ACCESS_DENIED during "
                "HeadObject operation: No response body."
            ),
            "HeadObject: ACCESS_DENIED: reading information for key 'a.metadata.json' in bucket 'lake'",
        ),
    ],
)
def test_error_of_aws_is_a_sentence_with_a_way_out(error: Exception, sentence: str) -> None:
    assert str(aws_refusal(error)) == sentence


def test_what_is_not_of_aws_stays_what_it_is() -> None:
    assert aws_refusal(FileNotFoundError("no such file")) is None
    assert aws_refusal(ValueError("no number")) is None
