"""A day that a check, a missing input or a table of another shape stands against: what is said, what readers see."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline_assets import lake
from tests.end_to_end.conftest import DATABASE, deliver, delivered_loans
from tests.own_days import Change, changing, succeeded
from tests.running import Day, InProcess, readers_see


@pytest.fixture
def members(own_day: Day, tmp_path: Path) -> Iterator[Callable[[Change], None]]:
    """Changes the members of the served Snowflake until the test ends."""

    with changing(own_day, tmp_path, database=DATABASE) as change:
        yield partial(change, "OFFICE.MEMBERS")


def test_too_many_rejects_block_the_loans_and_can_be_read(own_day: Day, run_job: InProcess, tmp_path: Path) -> None:
    before = readers_see(own_day.settings, own_day.partition)
    loans = delivered_loans(own_day)[:9]
    broken = "L-1;half of a loan\r\n"
    uri = deliver(own_day, tmp_path, [{**loans[0], "LENT": "yesterday"}, *loans[1:]], raw=broken)
    ended = run_job("extract_loans", settings_uri=uri, partition=own_day.partition)
    assert ended.code == 1
    assert re.fullmatch(
        rf"CheckFailed: staged\.loans {own_day.partition}: expected rejected_share: at most 0\.01, found 0\.2\. "
        r"Nothing was published but the rejects: pipeline query \"SELECT reason, raw FROM "
        rf"staged\.rejected_loans WHERE partition_date = '{own_day.partition}'\"",
        ended.last_line,
    ), ended.output
    after = readers_see(own_day.settings, own_day.partition)
    rejects = after.pop("staged.rejected_loans")
    reasons = [re.search(r"'reason': '(\w+)', 'raw': '(.*)'}", each) for each in rejects]
    assert [reason and (reason[1], reason[2][:14]) for reason in reasons] == [
        ("malformed", "L-1;half of a "),
        ("null_lent_at", '{"LOAN":"L2611'),
    ]
    assert after == {dataset: rows for dataset, rows in before.items() if dataset in after}


def test_a_fee_below_zero_blocks_the_day_in_every_mart(own_day: Day, run_job: InProcess, tmp_path: Path) -> None:
    game, *books = delivered_loans(own_day)[:8]
    loans = [{**game, "KIND": "game", "FEE": "-1.25"}, *({**loan, "KIND": "book"} for loan in books)]
    uri = deliver(own_day, tmp_path, loans)
    succeeded(run_job, "extract_loans", own_day, uri)
    before = readers_see(own_day.settings, own_day.partition)
    ended = run_job("catalogue", settings_uri=own_day.settings_uri, partition=own_day.partition)
    assert ended.code == 1
    assert ended.last_line == (
        f"CheckFailed: marts.lending {own_day.partition}: expected minimum_values: fee at least 0, found least fee "
        f"-1.25; keys ({game['LOAN']}); marts.branch_days no_negative_fees: least fees -1.25; "
        f"keys ({own_day.partition}/harbour/game). Nothing was published. Mend the source."
    ), ended.output
    assert readers_see(own_day.settings, own_day.partition) == before


def test_a_job_names_every_job_whose_day_is_missing(own_day: Day, run_job: InProcess) -> None:
    ended = run_job("catalogue", settings_uri=own_day.settings_uri, partition="2026-11-19")
    assert ended.code == 1
    assert re.fullmatch(
        r"BadInput: staged\.loans 2026-11-19: expected a published day, found none, nor one of staged\.members and "
        r"staged\.reviews\. To be published first: extract_loans and extract_members and extract_reviews\.",
        ended.last_line,
    ), ended.output


@pytest.mark.parametrize(
    ("job", "dataset"), [("extract_members", "staged.members"), ("catalogue", "marts.branch_days")]
)
def test_a_table_that_is_behind_its_contract_is_not_written(
    own_day: Day, run_job: InProcess, job: str, dataset: str, request: pytest.FixtureRequest
) -> None:
    table = lake.catalog(own_day.settings).load_table(dataset)
    column = table.schema().fields[-1].name
    with table.update_schema() as change:
        change.rename_column(column, "of_old")

    def rename_back() -> None:
        with lake.catalog(own_day.settings).load_table(dataset).update_schema() as change:
            change.rename_column("of_old", column)

    request.addfinalizer(rename_back)
    ended = run_job(job, settings_uri=own_day.settings_uri, partition=own_day.partition)
    assert ended.code == 1
    assert re.fullmatch(
        rf"SchemaDrift: {dataset} {own_day.partition}: expected the table as in its contract, found 2 "
        rf"columns that differ: {column} missing, expected .*; of_old .*, expected none\. "
        r"Bring it up to the contract: pipeline lake apply\.",
        ended.last_line,
    ), ended.output


@pytest.mark.usefixtures("unchanged")
def test_every_column_of_snowflake_that_differs_is_named(
    own_day: Day, run_job: InProcess, members: Callable[[Change], None]
) -> None:
    def without_branch_and_instants_as_text(table: pa.Table) -> pa.Table:
        joined = table["JOINED_AT"].cast(pa.string())
        return table.drop_columns(["BRANCH", "JOINED_AT"]).append_column("JOINED_AT", joined)

    members(without_branch_and_instants_as_text)
    ended = run_job("extract_members", settings_uri=own_day.settings_uri, partition=own_day.partition)
    assert re.fullmatch(
        rf"BadInput: snowflake\.members {own_day.partition}: expected OFFICE\.MEMBERS as in "
        r"the contract snowflake\.members, found 2 of 4 columns differ: BRANCH missing, expected TEXT; "
        r"JOINED_AT is TEXT, expected TIMESTAMP_NTZ\. Mend the table, or accept the change in the contract .*",
        ended.last_line,
    ), ended.output
    assert ended.code == 1


@pytest.mark.usefixtures("unchanged")
def test_a_member_who_is_there_twice_blocks_the_day(
    own_day: Day, run_job: InProcess, members: Callable[[Change], None]
) -> None:
    members(lambda table: pa.concat_tables([table, table.slice(0, 5)]))
    ended = run_job("extract_members", settings_uri=own_day.settings_uri, partition=own_day.partition)
    assert ended.last_line == (
        f"CheckFailed: staged.members {own_day.partition}: expected key_unique: 0 repeated keys, found 5 repeated keys "
        "(M0000, M0001, M0002, ...). Nothing was published. Mend the source."
    ), ended.output
    assert ended.code == 1
