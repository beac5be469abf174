"""The partition of a scheduled time: the day before its date, in a language without arithmetic of dates. Pure.

A state machine carries a small calendar, `$.calendar`: the first of a month looks the day before it up, any other day
counts back within its month. Every character of the result is the calendar's own, whatever the input holds. Does not
own: the rule (emr_jobs.core.partition), of which a test proves every day of these years.
"""

from datetime import date as Date
from datetime import timedelta
from typing import Any

from pipeline_assets.production.generate.asl import Path, State, States, assign, call, choice

YEARS = 40  # from the first partition's: executions of a later one are refused
PARTITION = Path("$.of.partition")


def calendar(first_year: int) -> dict[str, Any]:
    """What `partition_states` reads at `$.calendar`."""
    years = range(first_year, first_year + YEARS)
    return {
        "days": [f"{day:02}" for day in range(1, 32)],
        # Of each year, the day before the first of each month.
        "before": [" ".join(str(Date(year, month, 1) - timedelta(days=1)) for month in range(1, 13)) for year in years],
    }


def year_index(date: Path, first_year: int) -> Path:
    """Of a date, or an instant: 0 in the first year."""
    return call("MathAdd", call("StringToJson", call("ArrayGetItem", call("StringSplit", date, "-"), 0)), -first_year)


def partition_states(scheduled_date: Path, first_year: int, *, next_state: str) -> tuple[str, States]:
    """The first state, and the states that put PARTITION, of a scheduled date such as 2026-11-24."""

    def number(part: int) -> Path:
        """StringToJson takes no 08, but 108."""
        return call(
            "StringToJson", call("Format", "1{}", call("ArrayGetItem", call("StringSplit", scheduled_date, "-"), part))
        )

    year, month, day_of_month = Path("$.date.year"), Path("$.date.month"), Path("$.date.day")
    days = Path("$.calendar.days")
    first: State = {"Variable": str(day_of_month), "NumericEquals": 1}
    before = call("StringSplit", call("ArrayGetItem", Path("$.calendar.before"), year), " ")
    same_month = call(
        "Format",
        "{}-{}-{}",
        call("MathAdd", year, first_year),
        call("ArrayGetItem", days, month),
        call("ArrayGetItem", days, call("MathAdd", day_of_month, -2)),
    )
    return "ReadDate", {
        "ReadDate": assign(
            {
                "year": year_index(scheduled_date, first_year),
                "month": call("MathAdd", number(1), -101),
                "day": call("MathAdd", number(2), -100),
            },
            at="$.date",
            next_state="IsFirstOfMonth",
        ),
        "IsFirstOfMonth": choice(first, "MonthBefore", "SameMonth"),
        "MonthBefore": assign({"partition": call("ArrayGetItem", before, month)}, at="$.of", next_state=next_state),
        "SameMonth": assign({"partition": same_month}, at="$.of", next_state=next_state),
    }
