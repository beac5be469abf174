"""How a result batch becomes the contract's, and logins that are refused."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import snowflake.connector  # its urllib3 opens a socket while it is imported
from starlette.applications import Starlette

from emr_jobs.core.errors import AccessDenied, Misconfigured, PipelineError, Unavailable
from emr_jobs.core.settings import SnowflakeConnection
from emr_jobs.reading.records import BatchMismatch
from emr_jobs.sources import snowflake
from emr_jobs.sources.snowflake import BatchNotFetched, ResultExpired, cast_to, fetch
from local_stack.serving import serving
from local_stack.snowflake import KeyPairLogin, key_pair
from tests.domains import LIBRARY

DAY = LIBRARY.calendar.partition("2026-11-21")
ADDRESS = "https://stage.example/part?X-Amz-Signature=s3cr3t"
SCHEMA = pa.schema(
    [
        ("member_id", pa.string()),
        ("joined_at", pa.timestamp("us", "UTC")),
        ("books_lent", pa.int64()),
        ("deposit", pa.decimal128(18, 8)),
    ]
)


def make_batch(**overrides: Any) -> pa.Table:
    plain = {
        "MEMBER_ID": ["M-1", None],
        "JOINED_AT": pa.array([1, None], pa.timestamp("us")),
        "BOOKS_LENT": pa.array([7, 0], pa.int8()),
        "DEPOSIT": pa.array([Decimal("1.25"), None], pa.decimal128(10, 2)),
    }
    return pa.table({name: values for name, values in (plain | overrides).items() if values is not None})


# -- batches --------------------------------------------------------------------------------------------------


def test_a_batch_is_cast_to_the_contract_in_its_order_whatever_the_case() -> None:
    shuffled = make_batch().select(["DEPOSIT", "BOOKS_LENT", "JOINED_AT", "MEMBER_ID"])
    found = cast_to(SCHEMA, shuffled)
    assert found.schema == SCHEMA
    at = datetime(1970, 1, 1, microsecond=1, tzinfo=UTC)
    assert found.to_pylist() == [
        {"member_id": "M-1", "joined_at": at, "books_lent": 7, "deposit": Decimal("1.25000000")},
        {"member_id": None, "joined_at": None, "books_lent": 0, "deposit": None},
    ]


def test_nanoseconds_are_cut_and_a_column_of_nulls_has_no_type_of_its_own() -> None:
    nulls = {name: pa.nulls(2) for name in ("MEMBER_ID", "BOOKS_LENT", "DEPOSIT")}
    found = cast_to(SCHEMA, make_batch(JOINED_AT=pa.array([1999, 2000], pa.timestamp("ns")), **nulls))
    assert found.schema == SCHEMA
    assert [at.microsecond for at in found["joined_at"].to_pylist()] == [1, 2]
    assert found["member_id"].to_pylist() == [None, None]
    assert cast_to(SCHEMA, make_batch(JOINED_AT=pa.nulls(2)))["joined_at"].to_pylist() == [None, None]


def test_every_column_that_does_not_fit_is_named() -> None:
    batch = make_batch(
        MEMBER_ID=pa.array([1, 2]),
        JOINED_AT=pa.array([date(2026, 1, 1)] * 2),
        DEPOSIT=None,
        EMAIL=["a", "b"],
    )
    with pytest.raises(BatchMismatch) as refused:
        cast_to(SCHEMA, batch)
    assert str(refused.value) == (
        "columns differ: deposit missing; email not in the contract; "
        "member_id is int64 and does not fit string; "
        "joined_at is date32[day] and does not fit timestamp[us, tz=UTC]"
    )


def test_columns_that_are_there_twice_are_named() -> None:
    batch = make_batch()
    doubled = pa.Table.from_arrays(
        [*batch.columns, batch["DEPOSIT"], batch["DEPOSIT"]], [*batch.column_names, "DEPOSIT", "deposit"]
    )
    with pytest.raises(BatchMismatch) as refused:
        cast_to(SCHEMA, doubled)
    assert str(refused.value) == "columns differ: deposit 3 times"


@pytest.mark.parametrize(
    ("column", "values", "why"),
    [
        ("BOOKS_LENT", pa.array([1.5, 2.0]), "double and does not fit int64 in row 1"),
        ("BOOKS_LENT", pa.array(["7", "s3cr3t"]), "string and does not fit int64 in row 2"),
        (
            "DEPOSIT",
            pa.array([None, Decimal("1.123456789")]),
            "decimal128(10, 9) and does not fit decimal128(18, 8) in row 2",
        ),
        ("JOINED_AT", pa.array(["2026-01-01T00:00:00", None]), "string and does not fit timestamp[us, tz=UTC]"),
    ],
)
def test_a_value_that_would_be_changed_does_not_fit_and_is_not_told(column: str, values: pa.Array, why: str) -> None:
    with pytest.raises(BatchMismatch) as refused:
        cast_to(SCHEMA, make_batch(**{column: values}))
    assert str(refused.value) == f"columns differ: {column.lower()} is {why}"


class Failing:
    """A result batch that cannot be downloaded."""

    compressed_size = 1000

    def __init__(self, error: Exception) -> None:
        self.error = error

    def to_arrow(self, *, force_microsecond_precision: bool) -> pa.Table:
        assert force_microsecond_precision
        raise self.error


class Refused(Exception):
    errno = 290403


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (RuntimeError(f"403 for {ADDRESS}"), ResultExpired, "a result batch answered 403"),
        (RuntimeError(f"Forbidden: {ADDRESS}"), ResultExpired, "a result batch answered 403"),
        (Refused(ADDRESS), ResultExpired, "a result batch answered 403"),
        (ConnectionError(f"reset: {ADDRESS}"), BatchNotFetched, "ConnectionError"),
    ],
)
def test_a_batch_that_does_not_come_is_told_without_its_address(
    error: Exception, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind) as raised:
        fetch(Failing(error))
    assert (type(raised.value), str(raised.value)) == (kind, message)
    assert raised.value.__suppress_context__


# -- logins ---------------------------------------------------------------------------------------------------


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.touch(mode=0o600)
    path.write_bytes(key_pair()[0])
    return path


@pytest.fixture(scope="module")
def login(processes: None) -> Iterator[int]:
    """The port of a Snowflake that knows another key than the tests'. Nothing comes after a login."""
    with serving(KeyPairLogin(Starlette(), key_pair()[1])) as url:
        yield int(url.rpartition(":")[2])


def source(key: Path, **changes: Any) -> SnowflakeConnection:
    address = {"host": "127.0.0.1", "protocol": "http", "connect_timeout_s": 1}
    named = {"account": "fakesnow", "user": "PIPELINE", "database": "LIBRARY", "private_key": f"file:{key}"}
    return SnowflakeConnection(kind="snowflake", **(named | address | changes))


def refusal(values: SnowflakeConnection) -> PipelineError:
    with (
        pytest.raises(PipelineError) as refused,
        snowflake.connection(values, tag={}, dataset="staged.members", partition=DAY),
    ):
        pytest.fail("it opened")
    return refused.value


def test_a_wrong_key_is_refused_and_not_shown(
    key: Path, login: int, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    error = refusal(source(key, port=login))
    assert (type(error), str(error)) == (
        AccessDenied,
        f"staged.members {DAY}: expected Snowflake to let PIPELINE in with the key file:{key}, found "
        f"390144: Failed to connect to DB: 127.0.0.1:{login}. JWT token is invalid. "
        "Compare the key's public half with what DESC USER PIPELINE says.",
    )
    assert "PRIVATE" not in "".join(capfd.readouterr()) + caplog.text


def test_snowflake_that_does_not_answer_is_unavailable(key: Path, processes: None) -> None:
    error = refusal(source(key, port=9))
    assert isinstance(error, Unavailable)
    assert error.expected == "Snowflake account fakesnow to answer within 1 s"
    assert str(error).startswith(f"staged.members {DAY}: expected {error.expected}, found ")
    assert str(error).endswith("Check account, network and https://status.snowflake.com first.")


def test_what_is_no_private_key_is_named_and_not_shown(key: Path) -> None:
    key.write_text("s3cr3t")
    with (
        pytest.raises(Misconfigured) as refused,
        snowflake.connection(source(key), tag={}, dataset="staged.members", partition=DAY),
    ):
        pytest.fail("it opened")
    assert str(refused.value) == f"secret file:{key}: not a private key in PEM without a passphrase"
