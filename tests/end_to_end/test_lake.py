"""The tables of the lake: brought up to the contracts, kept in shape, published at most once."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from emr_jobs import maintain
from emr_jobs.contracts import Contract, contracts
from emr_jobs.contracts.table import spark_ddl
from emr_jobs.errors import CheckFailed, Conflict
from emr_jobs.partition import Partition
from emr_jobs.publish import lake as publishing
from emr_jobs.settings import Settings
from pipeline_assets import lake
from tests.running import Day, pipeline, readers_see

DAY, OTHER = Partition.parse("2026-11-21"), Partition.parse("2026-11-20")
RATES = contracts()["intermediate.fx_rates"]


def stage(own: SparkSession, currencies: str, wap_id: str, *, day: Partition = DAY) -> publishing.Staged:
    return publishing.stage(own, rates(own, currencies, day=day), RATES, partition=day, wap_id=f"{day}.{wap_id}")


def rates(own: SparkSession, currencies: str, *, day: Partition = DAY) -> DataFrame:
    """A day of rates, a row a currency."""
    rows = [(day.date, currency, day.date, None) for currency in currencies.split()]
    frame = own.createDataFrame(rows, spark_ddl(RATES).replace(" NOT NULL", ""))
    return frame.selectExpr("partition_date", "currency", "rate_date", "CAST(1 AS DECIMAL(18,8)) AS usd_rate")


def currencies(settings: Settings, day: Partition = DAY) -> list[str]:
    table = lake.catalog(settings).load_table(RATES.id)
    return sorted(table.scan(row_filter=f"partition_date == '{day}'").to_arrow()["currency"].to_pylist())


def test_what_is_staged_is_seen_only_after_it_is_published(own: SparkSession, settings: Settings) -> None:
    staged = stage(own, "EUR USD", "a.0")
    assert (staged.rows, currencies(settings)) == (2, [])
    publishing.publish(own, staged)
    assert currencies(settings) == ["EUR", "USD"]


def test_publishing_twice_is_publishing_once(own: SparkSession, settings: Settings) -> None:
    staged = stage(own, "EUR", "a.0")
    publishing.publish(own, staged)
    before = len(lake.catalog(settings).load_table(RATES.id).history())
    publishing.publish(own, staged)
    assert len(lake.catalog(settings).load_table(RATES.id).history()) == before
    publishing.publish(own, stage(own, "GBP", "b.0", day=OTHER))
    publishing.publish(own, staged)
    assert (currencies(settings), currencies(settings, OTHER)) == (["EUR"], ["GBP"])


@pytest.mark.parametrize("wrong", ["2026-11-20", None])
def test_a_row_of_another_day_is_refused_before_anything_is_staged(
    own: SparkSession, settings: Settings, wrong: str | None
) -> None:
    publishing.publish(own, stage(own, "EUR USD", "other.0", day=OTHER))
    publishing.publish(own, stage(own, "JPY", "before.0"))
    snapshots = len(lake.catalog(settings).load_table(RATES.id).snapshots())
    day = (
        f"IF(currency = 'USD', CAST('{wrong}' AS DATE), partition_date)" if wrong else "IF(false, partition_date, null)"
    )
    rows = rates(own, "EUR USD").withColumn("partition_date", F.expr(day))
    with pytest.raises(CheckFailed) as refused:
        publishing.stage(own, rows, RATES, partition=DAY, wap_id=f"{DAY}.a.0")
    assert str(refused.value) == (
        f"intermediate.fx_rates {DAY}: expected rows of this partition only, found a row with partition_date {wrong}. "
        "Nothing was staged. Mend the job: it publishes the day that it was started for, and no other."
    )
    assert len(lake.catalog(settings).load_table(RATES.id).snapshots()) == snapshots
    assert (currencies(settings), currencies(settings, OTHER)) == (["JPY"], ["EUR", "USD"])


def test_what_came_past_the_frame_into_another_day_is_refused_by_the_manifests(
    own: SparkSession, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    publishing.publish(own, stage(own, "EUR USD", "other.0", day=OTHER))
    monkeypatch.setattr(publishing, "_of_this_day", lambda rows, partition: rows)
    with pytest.raises(CheckFailed, match=f"rows of this partition only, found files of partition_date={OTHER}"):
        publishing.stage(own, rates(own, "GBP", day=OTHER), RATES, partition=DAY, wap_id=f"{DAY}.a.0")
    assert currencies(settings, OTHER) == ["EUR", "USD"]


def test_two_days_staged_at_once_are_both_published(own: SparkSession, settings: Settings) -> None:
    one, other = stage(own, "EUR", "a.0"), stage(own, "GBP", "b.0", day=OTHER)
    publishing.publish(own, one)
    publishing.publish(own, other)
    assert (currencies(settings), currencies(settings, OTHER)) == (["EUR"], ["GBP"])


@pytest.mark.parametrize("later", ["GBP", ""], ids=["with rows", "empty"])
def test_of_one_day_staged_twice_the_second_is_refused(own: SparkSession, settings: Settings, later: str) -> None:
    publishing.publish(own, stage(own, "JPY", "before.0"))
    one, other = stage(own, "EUR", "a.0"), stage(own, later, "b.0")
    publishing.publish(own, one)
    with pytest.raises(Conflict, match="another run that published it"):
        publishing.publish(own, other)
    assert currencies(settings) == ["EUR"]


def test_an_empty_day_replaces_the_old_one_although_another_day_was_published(
    own: SparkSession, settings: Settings
) -> None:
    publishing.publish(own, stage(own, "EUR", "a.0"))
    empty = stage(own, "", "b.0")
    publishing.publish(own, stage(own, "GBP", "c.0", day=OTHER))
    publishing.publish(own, empty)
    assert (currencies(settings), currencies(settings, OTHER)) == ([], ["GBP"])


def test_a_retry_of_the_same_attempt_finds_what_it_had_staged(own: SparkSession, settings: Settings) -> None:
    first = stage(own, "EUR", "a.0")
    again = stage(own, "EUR", "a.0")
    assert again.snapshot_id == first.snapshot_id
    publishing.publish(own, again)
    assert currencies(settings) == ["EUR"]


def test_maintenance_keeps_the_published_rows_and_what_is_young(own: SparkSession, settings: Settings) -> None:
    publishing.publish(own, stage(own, "EUR", "a.0"))
    publishing.publish(own, stage(own, "GBP", "b.0"))
    staged = stage(own, "JPY", "c.0")
    young = maintain.maintain(own, RATES, settings.lake, now=datetime.now(UTC))
    assert (young["deleted_data_files"], young["orphan_files"]) == (0, 0)
    publishing.publish(own, staged)
    assert currencies(settings) == ["JPY"]


def test_maintenance_expires_what_is_older_than_its_limit(own: SparkSession, settings: Settings) -> None:
    publishing.publish(own, stage(own, "EUR", "a.0"))
    publishing.publish(own, stage(own, "GBP", "b.0"))
    stage(own, "JPY", "never-published.0")
    files = Path(settings.lake.warehouse.removeprefix("file://")) / "intermediate" / "fx_rates" / "data"
    before = len(list(files.rglob("*.parquet")))
    later = datetime.now(UTC) + timedelta(days=settings.lake.snapshot_keep_days, hours=1)
    patient = settings.lake.model_copy(update={"staged_keep_days": 30})  # orphans of the future cannot be asked for
    done = maintain.maintain(own, RATES, patient, now=later)
    assert done["deleted_data_files"] == 2  # EUR, replaced, and JPY, never published
    assert len(list(files.rglob("*.parquet"))) == before - 2
    assert currencies(settings) == ["GBP"]


def test_apply_adds_the_columns_of_a_newer_contract(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    table = lake.catalog(settings).load_table(RATES.id)
    with table.update_schema() as change:
        change.delete_column("usd_rate")
    applied = dict(lake.apply(settings))
    assert "usd_rate" in applied[RATES.id]
    assert {name for dataset, name in applied.items() if dataset != RATES.id} == {"unchanged"}
    names = [field.name for field in lake.catalog(settings).load_table(RATES.id).schema().fields]
    assert sorted(names) == sorted(column.name for column in contract(RATES.id).columns)


def contract(dataset: str) -> Contract:
    return contracts()[dataset]


def test_the_verb_maintains_every_table(published_day: Day) -> None:
    before = readers_see(published_day.settings, published_day.partition)
    ended = pipeline("lake", "maintain", "--json", home=published_day.home)
    assert ended.code == 0, ended.output
    done = {row["dataset"]: row for row in json.loads(ended.output)}
    assert set(done) == set(before) - {"search.orders"}
    assert {row["deleted_data_files"] for row in done.values()} == {0}
    assert readers_see(published_day.settings, published_day.partition) == before
