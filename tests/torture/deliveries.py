"""One day delivered twice: other rows in every dataset, and settings that read the one or the other.

Each source has a record of its own that is rejected, and few enough. Does not own: the stack (local_stack.services);
the deliveries' own web APIs and databases of Snowflake stand beside its own.
"""

import gzip
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from emr_jobs.core.secret_ref import resolve
from local_stack.rest_api import RestApi
from local_stack.snowflake import load
from tests.domains import LIBRARY
from tests.library import sample
from tests.running import Day

ROWS = 500  # of a delivery: a fifth as many members, of whom one may be rejected
NAMES = ("a", "b")


@dataclass(frozen=True)
class Delivery:
    name: str
    settings_uri: str


@contextmanager
def two_deliveries(day: Day, folder: Path) -> Iterator[tuple[Delivery, Delivery]]:
    """Of that day, on its stack."""
    auth = day.settings.connections["club"].auth
    partition = LIBRARY.calendar.partition(day.partition)
    with ExitStack() as stack:

        def delivery(name: str, *, seed: int) -> Delivery:
            data, database = folder / name, f"LIBRARY_{name.upper()}"
            sample.generate(data, partition=partition, rows=ROWS, seed=seed)
            spoil_loan(data / "loans" / f"{partition.date:%Y}" / f"{partition.date:%m%d}-spoilt.csv.gz", name)
            spoil_review(data / "reviews" / f"dt={partition}.jsonl.gz", name)
            spoil_member(data / "snowflake" / "OFFICE.MEMBERS.parquet", name)
            load(data / "snowflake", database=database)
            api = RestApi([LIBRARY.contracts["http.reviews"]], data, auth, lambda: resolve(auth.key)).served()
            uri = day.settings_with(
                data,
                connections_desk={"uri": str(data)},
                connections_office={"database": database},
                connections_club={"url": stack.enter_context(api)},
            )
            return Delivery(name, uri)

        yield delivery("a", seed=1), delivery("b", seed=2)


def spoil_loan(file: Path, name: str) -> None:
    """One that was lent at no time, in a file of its own."""
    lines = f"LOAN;MEMBER;TITLE;LENT;DUE;FEE;SHELF;KIND\r\nspoilt-{name};M0001;Chess;once;;0.10;1;game\r\n"
    file.write_bytes(gzip.compress(lines.encode("latin-1")))


def spoil_review(file: Path, name: str) -> None:
    """One more, with a word for its id."""
    first, *_ = lines = gzip.decompress(file.read_bytes()).splitlines()
    spoilt = {**json.loads(first), "id": name}
    file.write_bytes(gzip.compress(b"\n".join([*lines, json.dumps(spoilt).encode()])))


def spoil_member(file: Path, name: str) -> None:
    """One more, without an id."""
    members = pq.read_table(file)
    nobody = {"MEMBER_ID": None, "NAME": "Nobody", "BRANCH": f"of {name}", "JOINED_AT": datetime(2024, 1, 1)}
    pq.write_table(pa.concat_tables([members, pa.Table.from_pylist([nobody], schema=members.schema)]), file)
