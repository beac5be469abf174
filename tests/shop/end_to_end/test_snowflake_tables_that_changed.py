"""Rates of Snowflake that are ambiguous, and customers whose texts the index does not hold."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from tests.own_days import Change, changing
from tests.running import Day, InProcess, readers_see
from tests.shop.end_to_end.conftest import DATABASE


@pytest.fixture
def tables(own_day: Day, tmp_path: Path) -> Iterator[Callable[[str, Change], None]]:
    """Changes a table of the served Snowflake until the test ends."""

    with changing(own_day, tmp_path, database=DATABASE) as change:
        yield change


def test_rates_that_are_ambiguous_and_a_keyword_too_long_for_the_index_block_the_day(
    own_day: Day, run_job: InProcess, tables: Callable[[str, Change], None]
) -> None:
    def one_of_too_many_bytes(customers: pa.Table) -> pa.Table:
        segments = ["\N{EURO SIGN}" * 10_923, *customers["SEGMENT"].to_pylist()[1:]]  # 3 bytes each
        return customers.set_column(customers.schema.get_field_index("SEGMENT"), "SEGMENT", pa.array(segments))

    before = readers_see(own_day.settings, own_day.partition)
    tables("FINANCE.FX_RATES", lambda rates: pa.concat_tables([rates, rates]))
    tables("CRM.CUSTOMERS", one_of_too_many_bytes)
    ended = run_job("extract_customers", settings_uri=own_day.settings_uri, partition=own_day.partition)
    assert re.search(
        rf"CheckFailed: intermediate\.customers {own_day.partition}: expected keywords_fit: 0, found 1; "
        r"intermediate\.fx_rates key_unique: \d+ repeated keys \([A-Z]{3}, [A-Z]{3}, [A-Z]{3}, \.\.\.\)\. "
        r"Nothing was published\. Mend the source",
        ended.last_line,
    ), ended.output
    assert ended.code == 1
    assert readers_see(own_day.settings, own_day.partition) == before
