"""A day of the library, written as its sources deliver it. The same seed and arguments give the same rows.

Some members are unknown, some titles have letters that only latin-1 has, one in a hundred loans is overdue.
"""

import csv
import gzip
import io
import json
import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from emr_jobs.core.partition import Partition

ROWS = 200
TITLES = (
    "The lighthouse",
    "A field of rye",
    "Über den Wäldern",
    "Le café; the novel",
    'Say "when"',
    "Two\nlines",
    "Chess",
)
NAMES = ("Noor", "Sven", "Ines", "Marek", "Aiko", "Tomás", "Femi", "Lotte")


def generate(folder: Path, *, partition: Partition, rows: int = ROWS, seed: int = 7) -> dict[str, Any]:
    rng = random.Random(f"{seed} {partition} {rows}")
    members = max(rows // 5, 4)
    loans = [_loan(rng, number, partition, members) for number in range(rows)]
    reviews = [_review(rng, number, loan, partition) for number, loan in enumerate(loans) if rng.random() < 0.4]
    _write_loans(folder, partition, loans)
    _write_reviews(folder, partition, reviews)
    _write_members(rng, folder, partition, members)
    truth = {
        "partition": str(partition),
        "loans": rows,
        "reviews": len(reviews),
        "members": members,
        "planted": {"unknown_member": sum(loan["MEMBER"].startswith("X") for loan in loans)},
    }
    (folder / "truth.json").write_bytes(orjson.dumps(truth, option=orjson.OPT_INDENT_2))
    return truth


def _loan(rng: random.Random, number: int, partition: Partition, members: int) -> dict[str, str]:
    lent_at = partition.start + (partition.end - partition.start) * rng.random()
    due = partition.date + timedelta(days=-1 if number % 100 == 99 else 28)
    unknown = rng.random() < 0.01
    return {
        "LOAN": f"L{partition.date:%y%m%d}-{number:05}",
        "MEMBER": f"{'X' if unknown else 'M'}{rng.randrange(members):04}",
        "TITLE": rng.choice(TITLES),
        "LENT": lent_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "DUE": str(due),
        "FEE": f"{rng.randrange(0, 500) / 100:.2f}",
        "SHELF": str(rng.randrange(1, 90)),
        "KIND": rng.choice(("book", "book", "film", "game")),
    }


def _review(rng: random.Random, number: int, loan: dict[str, str], partition: Partition) -> dict[str, Any]:
    written_at = partition.start + (partition.end - partition.start) * rng.random()
    return {
        "id": int(f"{partition.date:%j}{number:05}"),
        "loan": loan["LOAN"],
        "stars": rng.randrange(1, 6),
        "body": {"text": f"What I think of {loan['TITLE']}", "lang": rng.choice(("de", "en", None))},
        "spoils": rng.random() < 0.1,
        "written": written_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _write_loans(folder: Path, partition: Partition, loans: list[dict[str, str]]) -> None:
    target = folder / "loans" / f"{partition.date:%Y}"
    target.mkdir(parents=True, exist_ok=True)
    for desk in range(2):
        text = io.StringIO()
        writer = csv.DictWriter(text, list(loans[0]), delimiter=";", lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(loans[desk::2])
        file = target / f"{partition.date:%m%d}-desk{desk}.csv.gz"
        file.write_bytes(gzip.compress(text.getvalue().encode("latin-1"), mtime=0))


def _write_reviews(folder: Path, partition: Partition, reviews: list[dict[str, Any]]) -> None:
    file = folder / "reviews" / f"dt={partition}.jsonl.gz"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(gzip.compress("\n".join(map(json.dumps, reviews)).encode(), mtime=0))


def _write_members(rng: random.Random, folder: Path, partition: Partition, members: int) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    joined = [datetime(2024, 1, 1) + timedelta(hours=rng.randrange(8000)) for _ in range(members)]
    table = pa.table(
        {
            "MEMBER_ID": [f"M{number:04}" for number in range(members)],
            "NAME": [f"{rng.choice(NAMES)} {number}" for number in range(members)],
            "BRANCH": [rng.choice(("north", "harbour", None)) for _ in range(members)],
            "JOINED_AT": pa.array(joined, pa.timestamp("us")),
        }
    )
    target = folder / "snowflake"
    target.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, target / "OFFICE.MEMBERS.parquet")
