"""A day of the library as readers must find it, computed from what its sources deliver, in plain Python.

Shares no code with the jobs. Does not own: deliveries with defects, which the tests of the readers have.
"""

import csv
import gzip
import io
import json
from collections import defaultdict
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

Row = dict[str, Any]


def expected(data: Path, day: date) -> dict[str, list[Row]]:
    """All rows of all datasets, in no order; documents as JSON holds them."""
    loans, members, reviews = _loans(data, day), _members(data, day), _reviews(data, day)
    lending = [_lent(loan, members, reviews) for loan in loans]
    return {
        **{f"staged.rejected_{name}": [] for name in ("loans", "members", "reviews")},
        "staged.loans": loans,
        "staged.members": members,
        "staged.reviews": reviews,
        "marts.lending": lending,
        "marts.branch_days": _branch_days(lending),
        "find.lending": [_document(each, reviews) for each in lending],
    }


def _loans(data: Path, day: date) -> list[Row]:
    files = (data / "loans" / f"{day:%Y}").glob(f"{day:%m%d}-*.csv.gz")
    texts = [gzip.decompress(file.read_bytes()).decode("latin-1") for file in files]
    return [
        {
            "partition_date": day,
            "loan_id": written["LOAN"],
            "member_id": written["MEMBER"],
            "title": written["TITLE"],
            "lent_at": _instant(written["LENT"]),
            "due_on": date.fromisoformat(written["DUE"]),
            "fee": Decimal(written["FEE"]),
            "shelf": int(written["SHELF"]),
            "kind": written["KIND"],
        }
        for text in texts
        for written in csv.DictReader(io.StringIO(text, newline=""), delimiter=";")
    ]


def _members(data: Path, day: date) -> list[Row]:
    return [
        {
            "partition_date": day,
            "member_id": member["MEMBER_ID"],
            "name": member["NAME"],
            "branch": member["BRANCH"],
            "joined_at": member["JOINED_AT"].replace(tzinfo=UTC),
        }
        for member in pq.read_table(data / "snowflake" / "OFFICE.MEMBERS.parquet").to_pylist()
    ]


def _reviews(data: Path, day: date) -> list[Row]:
    lines = gzip.decompress((data / "reviews" / f"dt={day}.jsonl.gz").read_bytes()).splitlines()
    return [
        {
            "partition_date": day,
            "review_id": review["id"],
            "loan_id": review["loan"],
            "stars": review["stars"],
            "text": review["body"]["text"],
            "language": review["body"]["lang"],
            "spoils": review["spoils"],
            "written_at": _instant(review["written"]),
        }
        for review in map(json.loads, lines)
    ]


def _lent(loan: Row, members: list[Row], reviews: list[Row]) -> Row:
    (member, *_) = [*(each for each in members if each["member_id"] == loan["member_id"]), {}]
    stars = [Decimal(each["stars"]) for each in reviews if each["loan_id"] == loan["loan_id"]]
    return {
        **{name: loan[name] for name in ("partition_date", "loan_id", "title", "kind", "fee")},
        "member_name": member.get("name"),
        "branch": member.get("branch"),
        "is_overdue": loan["due_on"] < loan["partition_date"],
        "review_count": len(stars),
        "average_stars": (sum(stars) / len(stars)).quantize(Decimal("0.01")) if stars else None,
    }


def _branch_days(lending: list[Row]) -> list[Row]:
    groups: dict[tuple[date, str, str], list[Row]] = defaultdict(list)
    for each in lending:
        groups[each["partition_date"], each["branch"] or "none", each["kind"] or "none"].append(each)
    return [
        {
            "partition_date": day,
            "branch": branch,
            "kind": kind,
            "loans": len(lent),
            "fees": sum((each["fee"] for each in lent), Decimal(0)),
            "overdue": sum(each["is_overdue"] for each in lent),
        }
        for (day, branch, kind), lent in groups.items()
    ]


def _document(lent: Row, reviews: list[Row]) -> Row:
    """What has no value has no field."""
    of_loan = sorted(
        (each for each in reviews if each["loan_id"] == lent["loan_id"]), key=lambda each: each["review_id"]
    )
    shown = [{name: each[name] for name in ("review_id", "stars", "text")} for each in of_loan]
    names = ("loan_id", "title", "kind", "member_name", "fee", "is_overdue")
    fields = {"partition_date": str(lent["partition_date"]), **{name: lent[name] for name in names}}
    return {name: value for name, value in {**fields, "reviews": shown or None}.items() if value is not None}


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
