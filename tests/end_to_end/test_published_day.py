"""All rows and documents of a day, from the real pipeline on real services, are those that its sources delivered."""

from datetime import date

from tests.comparison import compare
from tests.end_to_end.expected_day import expected
from tests.running import Day


def test_a_sample_day(published_day: Day) -> None:
    wanted = expected(published_day.data, date.fromisoformat(published_day.partition))
    compare(published_day, wanted)
    assert (len(wanted["marts.lending"]), len(wanted["staged.reviews"]), len(wanted["staged.members"])) == (
        published_day.truth["loans"],
        published_day.truth["reviews"],
        published_day.truth["members"],
    )
    unknown = [row for row in wanted["marts.lending"] if row["member_name"] is None]
    assert len(unknown) == published_day.truth["planted"]["unknown_member"]
