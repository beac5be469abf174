"""What Dagster has on record after a run: materializations, evaluations with their partition, and no secret."""

from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.tags import CODE_LOCATION_TAG, REPOSITORY_LABEL_TAG

from emr_jobs.core.code import code_version
from emr_jobs.frame.report import asset_key
from emr_jobs.publish.preview import ROWS, is_shown
from pipeline_assets.tags import LAUNCHER_TAG, LOCAL, PARTITION_TAG
from pipeline_assets.workspace import job_named, job_origin
from tests.domains import LIBRARY
from tests.end_to_end.test_run import EMPTY_DAY
from tests.running import Day, table_rows


@pytest.fixture
def instance(published_day: Day, monkeypatch: pytest.MonkeyPatch) -> dg.DagsterInstance:
    monkeypatch.setenv("DAGSTER_HOME", str(published_day.home / "dagster"))
    return dg.DagsterInstance.get()


def materialization(instance: dg.DagsterInstance, dataset: str, partition: str) -> dict[str, Any]:
    """Metadata of the newest one of a day."""
    wanted = dg.AssetRecordsFilter(
        asset_key=dg.AssetKey.from_user_string(asset_key(dataset)), asset_partitions=[partition]
    )
    (event,) = instance.fetch_materializations(wanted, limit=1).records
    assert event.asset_materialization is not None
    return {name: value.value for name, value in event.asset_materialization.metadata.items()}


def test_every_dataset_has_a_materialization_of_its_partition(instance: dg.DagsterInstance, published_day: Day) -> None:
    for dataset in LIBRARY.published:
        metadata = materialization(instance, dataset, published_day.partition)
        rows = metadata["dagster/row_count"]
        assert (rows > 0) == ("rejected" not in dataset), dataset
        assert metadata["code_version"] == code_version("tests.library")
        assert metadata["origin"] == "local"
        assert metadata["attempt"] == 0
        assert metadata["phases"]
        assert metadata["seconds"] > 0
        if dataset == "find.lending":
            assert metadata["index"].startswith(f"lendings-{published_day.partition}-")
        else:
            assert metadata["snapshot_id"].isdigit()
            assert (metadata["files"] > 0, metadata["size_bytes"] > 0) == (rows > 0, rows > 0), dataset


def test_a_materialization_previews_rows_of_its_table(instance: dg.DagsterInstance, published_day: Day) -> None:
    for dataset, rows in table_rows(published_day.settings, published_day.partition).items():
        preview = materialization(instance, dataset, published_day.partition)["preview"]
        shown = [column.name for column in preview.schema.columns]
        assert shown == [column.name for column in LIBRARY.contracts[dataset].columns if is_shown(column)]
        texts = [{name: row[name] for name in shown if isinstance(row[name], str)} for row in rows]
        assert min(1, len(rows)) <= len(preview.records) <= min(ROWS, len(rows)), dataset
        for record in preview.records:
            assert any(text.items() <= record.data.items() for text in texts), record


def test_records_of_each_source_and_its_rejects_are_counted(instance: dg.DagsterInstance, published_day: Day) -> None:
    counted = {
        dataset: {name: metadata.get(name) for name in ("dagster/row_count", "records", "rejected", "announced")}
        for dataset in ("staged.rejected_loans", "staged.loans", "staged.members", "staged.reviews")
        for metadata in [materialization(instance, dataset, published_day.partition)]
    }
    reviews = published_day.truth["reviews"]
    assert counted == {
        "staged.rejected_loans": {"dagster/row_count": 0, "records": 300, "rejected": 0, "announced": None},
        "staged.loans": {"dagster/row_count": 300, "records": 300, "rejected": 0, "announced": None},
        "staged.members": {"dagster/row_count": 60, "records": 60, "rejected": 0, "announced": None},
        "staged.reviews": {
            "dagster/row_count": reviews,
            "records": reviews,
            "rejected": 0,
            "announced": reviews,
        },
    }


def test_every_run_is_under_its_job_as_the_ui_asks_for_it(instance: dg.DagsterInstance, published_day: Day) -> None:
    """And selects as much when it is re-executed."""
    origin = job_origin(job_named("daily"))
    label = {REPOSITORY_LABEL_TAG: origin.repository_origin.get_label()}
    listed = instance.get_runs(dg.RunsFilter(job_name="daily", tags=label))
    assert listed
    assert {run.run_id for run in listed} == {run.run_id for run in instance.get_runs(dg.RunsFilter(job_name="daily"))}
    assert {run.remote_job_origin for run in listed} == {origin}
    whole = listed[-1]  # the oldest
    assert whole.asset_selection is None
    assert whole.tags == {
        CODE_LOCATION_TAG: origin.location_name,
        PARTITION_TAG: published_day.partition,
        LAUNCHER_TAG: LOCAL,
    }
    loans = {dg.AssetKey(["staged", name]) for name in ("loans", "rejected_loans")}
    assert all(run.asset_selection == loans for run in listed if run.tags[PARTITION_TAG] == EMPTY_DAY)


def test_every_declared_check_was_evaluated_on_its_partition(instance: dg.DagsterInstance, published_day: Day) -> None:
    declared = {(asset_key(dataset), check.name) for job in LIBRARY.jobs for dataset, check in LIBRARY.checks_of(job)}
    evaluations = [
        entry.asset_check_evaluation
        for run in instance.get_runs()
        for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    ]
    evaluated = {
        (each.asset_key.to_user_string(), each.check_name)
        for each in evaluations
        if each is not None and each.partition == published_day.partition and each.passed
    }
    assert declared - evaluated == set()
    assert {each.partition for each in evaluations if each is not None} <= {published_day.partition, EMPTY_DAY}


def test_no_secret_is_in_logs_events_or_arguments(published_day: Day) -> None:
    folder = published_day.home / "secrets-of-the-day"
    secrets = [path.read_bytes().strip() for path in folder.iterdir()]
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
