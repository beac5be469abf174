"""Calls of AWS that wait out what AWS refuses to say for a while."""

import logging

from tenacity import before_sleep_log, retry, retry_if_exception, stop_after_delay, wait_random_exponential

PATIENCE_S = 600
# With status 400, unlike those that say it by 429 or 5xx: Step Functions, CloudFormation, DynamoDB.
THROTTLED = {"ThrottlingException", "Throttling", "ProvisionedThroughputExceededException", "RequestLimitExceeded"}


def passes(error: BaseException) -> bool:
    """Whether a call of AWS may succeed a little later: no answer, too many calls, a fault of AWS."""
    from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

    if isinstance(error, ClientError):
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return status == 429 or status >= 500 or error.response["Error"]["Code"] in THROTTLED
    return isinstance(error, ConnectionError | HTTPClientError)


# Beyond the five attempts, within seconds, that boto3 makes by itself.
patiently = retry(
    retry=retry_if_exception(passes),
    wait=wait_random_exponential(multiplier=1, max=60),
    stop=stop_after_delay(PATIENCE_S),
    before_sleep=before_sleep_log(logging.getLogger(__name__), logging.WARNING),
    reraise=True,
)
