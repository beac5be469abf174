"""The first records of a day as contracts read them, without Spark."""

import gzip
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import requests

from emr_jobs.core import settings as settings_module
from emr_jobs.core.errors import BadInput, Misconfigured
from emr_jobs.core.settings import RestConnection, Settings, SnowflakeConnection
from local_stack.snowflake import ACCOUNT, USER, key_pair, snowflake
from pipeline_assets.first_records import tried
from tests.domains import LIBRARY, LOCAL
from tests.emr_jobs.sources.library_api import Answers
from tests.pipeline_assets.conftest import Library

DAY = LIBRARY.calendar.partition("2026-11-21")


def settings(desk: Path) -> Settings:
    text = LOCAL.read_text()
    text = text.replace("../../../.pipeline/data", str(desk)).replace(
        "file:../../../.pipeline/secrets/club-key", "env:K"
    )
    return settings_module.parse(text, where="test", base=LOCAL.parent)


LOANS = """LOAN;MEMBER;TITLE;LENT;DUE;FEE;SHELF;KIND
L-1;M-1;"Die Straße
zum Meer";2026-11-21T10:00:00+01:00;2026-12-21;1.005;7;book
L-2;M-2;Momo;yesterday;2026-12-21;0;7;book
L-3;;Emil;2026-11-21T11:00:00Z;soon;2;;film
L-4;M-4;Krabat;2026-11-21T12:00:00Z;;;;cassette
L-5;M-5
"""


def test_rows_are_as_they_would_be_published_and_others_have_their_reason(tmp_path: Path) -> None:
    folder = tmp_path / "loans" / "2026"
    folder.mkdir(parents=True)
    (folder / "1121-desk.csv.gz").write_bytes(gzip.compress(LOANS.encode("latin-1")))
    found = tried(settings(tmp_path), "files.loans", partition=DAY, limit=20)
    assert (found.source, found.dataset, found.records) == ("files.loans", "staged.loans", 5)
    assert found.columns == ("loan_id", "member_id", "title", "lent_at", "due_on", "fee", "shelf", "kind")
    assert [dict(row) for row in found.rows] == [
        {
            "loan_id": "L-1",
            "member_id": "M-1",
            "title": "Die Straße\nzum Meer",
            "lent_at": datetime(2026, 11, 21, 9, tzinfo=UTC),
            "due_on": date(2026, 12, 21),
            "fee": Decimal("1.01"),
            "shelf": 7,
            "kind": "book",
        },
        {
            "loan_id": "L-3",
            "member_id": None,
            "title": "Emil",
            "lent_at": datetime(2026, 11, 21, 11, tzinfo=UTC),
            "due_on": None,
            "fee": Decimal("2.00"),
            "shelf": None,
            "kind": "film",
        },
    ]
    assert [reason for reason, _ in found.rejected] == ["null_lent_at", "not_accepted_kind", "malformed"]
    assert found.rejected[-1] == ("malformed", "L-5;M-5")
    assert dict(found.misread) == {"due_on": 1}


def test_no_more_than_asked_for(tmp_path: Path) -> None:
    folder = tmp_path / "loans" / "2026"
    folder.mkdir(parents=True)
    (folder / "1121-desk.csv.gz").write_bytes(gzip.compress(LOANS.encode("latin-1")))
    assert tried(settings(tmp_path), "staged.loans", partition=DAY, limit=2).records == 2


def test_a_day_without_files_names_where_they_were_looked_for(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as refused:
        tried(settings(tmp_path), "files.loans", partition=DAY, limit=20)
    assert str(refused.value) == (
        f"files.loans 2026-11-21: expected files in {tmp_path}/loans/2026/1121-*.csv.gz, found none (the folder is "
        "missing or empty). Compare the address with what is delivered, or try another day."
    )


def test_records_of_an_api_with_what_is_not_declared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    review = {
        "id": 1,
        "loan": "L-1",
        "stars": 5,
        "body": {"text": "good", "lang": "en"},
        "written": "2026-11-21T10:00:00Z",
    }
    page = {
        "results": [review, review | {"id": 2, "stars": "many", "likes": 3}, review | {"id": None}],
        "meta": {"count": 9},
    }
    answers = Answers([page])

    def session(connection: RestConnection, *, threads: int) -> requests.Session:
        return answers.session(connection)

    monkeypatch.setenv("K", "s3cr3t")
    monkeypatch.setattr("emr_jobs.sources.rest.client.session", session)
    found = tried(settings(tmp_path), "http.reviews", partition=DAY, limit=3)
    assert [(row["review_id"], row["stars"], row["text"]) for row in found.rows] == [(1, 5, "good"), (2, None, "good")]
    assert [reason for reason, _ in found.rejected] == ["null_review_id"]
    assert (dict(found.misread), dict(found.undeclared)) == ({"stars": 1}, {"likes": 1})
    assert len(answers.requests) == 1


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("files.none", "files.none: no source that is read by contract; there are files.loans, http.reviews"),
        ("marts.lending", "marts.lending: no source that is read by contract"),
    ],
)
def test_what_is_no_such_source_names_those_that_there_are(tmp_path: Path, name: str, says: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        tried(settings(tmp_path), name, partition=DAY, limit=20)
    assert str(refused.value).startswith(says)


OWN = """
JOBS += (
    Job(
        "weigh_loans",
        body="any.module:any",
        inputs=("files.loans",),
        outputs=("staged.loans",),
        timeout_s=60,
        max_retries=0,
    ),
)
"""


def test_a_source_of_a_job_of_its_own_is_not_read_by_contract(library: Library) -> None:
    jobs = library.folder / "jobs.py"
    jobs.write_text(jobs.read_text() + OWN)
    values = settings_module.load(str(library.profiles / "local.toml"))
    with pytest.raises(Misconfigured) as refused:
        tried(values, "files.loans", partition=DAY, limit=20)
    assert "files.loans: read by weigh_loans, not by contract alone" in str(refused.value)


@pytest.fixture(scope="module")
def office(processes: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A local Snowflake with three members: what a connection to it says."""
    folder = tmp_path_factory.mktemp("snowflake")
    private_key, public_key = key_pair()
    (folder / "key").touch(mode=0o600)
    (folder / "key").write_bytes(private_key)
    joined = pa.array([f"2026-11-{day}T10:00:00" for day in (19, 20, 30)]).cast(pa.timestamp("us"))
    members = {"MEMBER_ID": ["M-1", None, "M-3"], "NAME": [" Ann ", "Bo", "Cy"], "BRANCH": ["Ulm", "", None]}
    pq.write_table(pa.table({**members, "JOINED_AT": joined}), folder / "OFFICE.MEMBERS.parquet")
    with snowflake(folder, "LIBRARY", public_key) as url:
        address = {"host": "127.0.0.1", "port": int(url.rpartition(":")[2]), "protocol": "http"}
        named = {"kind": "snowflake", "account": ACCOUNT, "user": USER, "database": "LIBRARY"}
        yield {**named, **address, "private_key": f"file:{folder / 'key'}"}


def test_rows_of_a_table_s_statement(office: dict[str, Any], tmp_path: Path) -> None:
    values = settings(tmp_path)
    connections = {**values.connections, "office": SnowflakeConnection.model_validate(office)}
    found = tried(values.model_copy(update={"connections": connections}), "snowflake.members", partition=DAY, limit=20)
    assert [tuple(row.values()) for row in found.rows] == [
        ("M-1", "Ann", "Ulm", datetime(2026, 11, 19, 10, tzinfo=UTC)),
    ]
    ((reason, raw),) = found.rejected
    assert reason == "null_member_id"
    assert "Bo" not in raw  # classified


def test_the_statement_is_asked_for_so_many_rows(office: dict[str, Any], tmp_path: Path) -> None:
    values = settings(tmp_path)
    connections = {**values.connections, "office": SnowflakeConnection.model_validate(office)}
    found = tried(values.model_copy(update={"connections": connections}), "staged.members", partition=DAY, limit=1)
    assert found.records == 1
