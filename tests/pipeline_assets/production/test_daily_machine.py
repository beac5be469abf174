"""What the input of an execution makes of it, in real executions of the generated machine."""

from tests.deployed import EMPTY, Deployed


def test_day_without_orders_is_published_when_somebody_says_so(production: Deployed) -> None:
    refused = production.ran(EMPTY, only=["extract_orders"])
    assert (refused.status, refused.error) == ("FAILED", "DayNotPublished")
    asked_for = production.ran(EMPTY, only=["extract_orders"], allow_empty=True)
    assert asked_for.status == "SUCCEEDED", asked_for.cause
