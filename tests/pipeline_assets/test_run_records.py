"""What Dagster has on record after a run: materializations, evaluations with their partition, and no secret."""

import dagster as dg
import pytest

from emr_jobs.catalog import JOBS
from emr_jobs.job import code_version
from emr_jobs.report import asset_key, checks_of
from tests.running import Day


@pytest.fixture
def instance(published_day: Day, monkeypatch: pytest.MonkeyPatch) -> dg.DagsterInstance:
    monkeypatch.setenv("DAGSTER_HOME", str(published_day.home / "dagster"))
    return dg.DagsterInstance.get()


def test_every_dataset_has_a_materialization_of_its_partition(instance: dg.DagsterInstance, published_day: Day) -> None:
    for dataset in (dataset for job in JOBS for dataset in job.outputs):
        key = dg.AssetKey.from_user_string(asset_key(dataset))
        (event,) = instance.fetch_materializations(key, limit=5).records
        found = event.asset_materialization
        assert found is not None
        assert event.partition_key == published_day.partition
        metadata = {name: value.value for name, value in found.metadata.items()}
        assert metadata["dagster/row_count"] >= 0
        assert metadata["code_version"] == code_version()
        assert metadata["origin"] == "local"
        assert metadata["attempt"] == 0
        assert metadata["phases"]
        assert metadata["seconds"] > 0
        if dataset == "search.orders":
            assert metadata["index"].startswith(f"orders-{published_day.partition}-")
        else:
            assert metadata["snapshot_id"].isdigit()
            assert metadata["files"] > 0
            assert metadata["size_bytes"] > 0


def test_rejects_duplicates_and_test_orders_are_counted(instance: dg.DagsterInstance, published_day: Day) -> None:
    (event,) = instance.fetch_materializations(dg.AssetKey(["intermediate", "orders"]), limit=1).records
    assert event.asset_materialization is not None
    counted = {name: value.value for name, value in event.asset_materialization.metadata.items()}
    planted = published_day.truth["planted"]
    assert counted["lines"] == published_day.truth["lines"]
    assert counted["dagster/row_count"] == published_day.truth["orders"]
    assert counted["test_orders"] == planted["test"]
    assert counted["duplicates"] == planted["duplicate"]


def test_every_declared_check_was_evaluated_on_its_partition(instance: dg.DagsterInstance, published_day: Day) -> None:
    declared = {(asset_key(dataset), check.name) for job in JOBS for dataset, check in checks_of(job)}
    evaluated = {}
    for key, name in declared:
        (record,) = instance.event_log_storage.get_asset_check_execution_history(
            check_key=dg.AssetCheckKey(dg.AssetKey.from_user_string(key), name), limit=1
        )
        assert record.event is not None
        evaluation = record.event.dagster_event.event_specific_data  # type: ignore[union-attr]
        evaluated[(key, name)] = evaluation.partition
    assert evaluated == dict.fromkeys(declared, published_day.partition)


def test_no_secret_is_in_logs_events_or_arguments(published_day: Day) -> None:
    secrets = [path.read_bytes().strip() for path in (published_day.home / "secrets").iterdir()]
    key_lines = [line for secret in secrets for line in secret.splitlines() if not line.startswith(b"-----")]
    assert len(key_lines) > 10
    searched = 0
    for folder in ("logs", "dagster", "runs", "lake"):
        for path in (published_day.home / folder).rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                searched += 1
                assert not [line for line in key_lines if line in content], path
    assert searched > 20
