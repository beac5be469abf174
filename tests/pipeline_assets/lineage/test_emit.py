"""What a job's results become: OpenLineage events, valid by the standard, in a folder."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from emr_jobs.core import settings as settings_module
from emr_jobs.core.settings import Lineage, Settings
from emr_jobs.frame.report import asset_key
from pipeline_assets.lineage import events
from pipeline_assets.lineage.emit import told
from pipeline_assets.lineage.events import Occurrence
from pipeline_assets.lineage.names import Name, name_of
from tests.domains import LIBRARY, LOCAL, PRODUCTION
from tests.lineage_events import assert_valid, assert_whole, facets, read

BEGAN, ENDED = datetime(2026, 11, 21, 7, tzinfo=UTC), datetime(2026, 11, 21, 7, 5, tzinfo=UTC)
DAY = LIBRARY.calendar.partition("2026-11-20")
LOANS = Occurrence(LIBRARY.job("extract_loans"), DAY, run_id="scheduled-2026-11-20", attempt=1)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return replaced(settings_module.load(str(LOCAL)), f"file://{tmp_path / 'events'}")


def replaced(settings: Settings, url: str) -> Settings:
    return settings.model_copy(update={"lineage": Lineage(url=url, timeout_s=1)})


def results(occurrence: Occurrence) -> Iterator[Any]:
    """As a job that went well reports them."""
    for dataset in occurrence.job.outputs:
        for check in LIBRARY.contracts[dataset].checks:
            metadata = {"expected": "at least 1", "found": "7"}
            key = dg.AssetKey.from_user_string(asset_key(dataset))
            yield dg.AssetCheckResult(passed=True, asset_key=key, check_name=check.name, metadata=metadata)
        yield dg.MaterializeResult(
            asset_key=asset_key(dataset).split("/"),
            data_version=dg.DataVersion("8001"),
            metadata={"dagster/row_count": 7, "size_bytes": 900, "files": 1},
        )


def ran(settings: Settings, occurrence: Occurrence, given: Iterator[Any]) -> list[Any]:
    log: Any = logging.getLogger("told")
    return list(told(settings, log, occurrence, given, began_at=BEGAN, ended_at=ENDED))


def written(settings: Settings) -> list[dict[str, Any]]:
    assert settings.lineage is not None
    return read(Path(settings.lineage.url.removeprefix("file://")))


def test_every_dataset_with_columns_lineage_checks_and_version_in_valid_events(settings: Settings) -> None:
    for job in LIBRARY.jobs:
        occurrence = replace(LOANS, job=job)
        assert len(ran(settings, occurrence, results(occurrence))) == len(list(results(occurrence)))
    assert_whole(written(settings), LIBRARY)


def test_event_of_a_job_s_end_is_this(settings: Settings) -> None:
    ran(settings, LOANS, results(LOANS))
    (event,) = [each for each in written(settings) if each["eventType"] == "COMPLETE" and each["outputs"]]
    assert (event["eventTime"], event["job"]["namespace"], event["job"]["name"]) == (
        "2026-11-21T07:05:00.000Z",
        "tests.library",
        "extract_loans",
    )
    assert event["run"]["facets"]["nominalTime"]["nominalStartTime"] == "2026-11-19T23:00:00.000Z"
    parent = event["run"]["facets"]["parent"]["job"]
    assert (parent["namespace"], parent["name"]) == ("tests.library", "daily")
    (source,) = event["inputs"]
    assert (source["namespace"], source["name"].rpartition("/")[2]) == ("file", "loans")
    loans = event["outputs"][1]
    assert loans["facets"]["version"]["datasetVersion"] == "8001"
    statistics = loans["outputFacets"]["outputStatistics"]
    assert {name: statistics[name] for name in ("rowCount", "size", "fileCount")} == {
        "rowCount": 7,
        "size": 900,
        "fileCount": 1,
    }


def test_repeated_it_writes_the_same_and_another_attempt_is_another_run(settings: Settings) -> None:
    ran(settings, LOANS, results(LOANS))
    first = written(settings)
    ran(settings, LOANS, results(LOANS))
    assert written(settings) == first
    ran(settings, replace(LOANS, attempt=2), results(LOANS))
    assert len(written(settings)) == 2 * len(first) == 8


def test_failure_is_an_event_with_its_sentence_and_without_the_log_behind_it(settings: Settings) -> None:
    def failing() -> Iterator[Any]:
        yield next(results(LOANS))
        raise dg.Failure("extract_loans: step s-1 is FAILED\nlast lines of its log")

    with pytest.raises(dg.Failure):
        ran(settings, LOANS, failing())
    found = written(settings)
    assert_valid(found)
    (failed,) = [each for each in found if each["eventType"] == "FAIL"]
    assert failed["run"]["facets"]["errorMessage"]["message"] == "extract_loans: step s-1 is FAILED"
    assert not [name for name, _ in facets(failed) if name in ("version", "outputStatistics")]


def test_destination_that_fails_is_warned_of_once_and_nothing_is_lost(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a file").touch()
    wrong = replaced(settings, f"file://{tmp_path / 'a file'}")
    assert len(ran(wrong, LOANS, results(LOANS))) == len(list(results(LOANS)))
    (said,) = caplog.messages
    assert said == (
        f"staged.rejected_loans, staged.loans 2026-11-20: its OpenLineage events were not written to file://{tmp_path}"
        "/a file (NotADirectoryError). The day is not affected. See that it can be written, or change url in [lineage] "
        "of the settings"
    )


def test_without_the_section_nothing_is_written(settings: Settings) -> None:
    ran(settings.model_copy(update={"lineage": None}), LOANS, results(LOANS))
    assert written(settings) == []


def test_unknown_schema_and_wrong_facet_are_no_valid_events(settings: Settings) -> None:
    event = ran(settings, LOANS, results(LOANS)) and written(settings)[0]
    parent = event["run"]["facets"]["parent"]
    parent["run"]["runId"] = "no uuid"
    with pytest.raises(Exception, match="uuid"):
        assert_valid([event])
    parent["_schemaURL"] = "https://openlineage.io/spec/facets/9-0-0/ParentRunFacet.json"
    with pytest.raises(AssertionError, match="no such schema"):
        assert_valid([event])


@pytest.mark.parametrize(
    ("dataset", "named"),
    [
        ("staged.loans", Name("s3://${LakeBucket}", "warehouse/library_staged.db/loans")),
        ("snowflake.members", Name("snowflake://<ORG-ACCOUNT>", "<DATABASE>.OFFICE.MEMBERS")),
    ],
)
def test_names_are_those_of_the_standard(dataset: str, named: Name) -> None:
    assert name_of(LIBRARY.contracts[dataset], settings_module.load(str(PRODUCTION))) == named


def test_run_of_dagster_is_the_parent_by_its_own_id() -> None:
    run_id = "3f0f8b0e-6b0c-4c55-9a55-0a3c1f2b7a11"
    assert replace(LOANS, run_id=run_id).day_id == run_id
    assert events.namespace(settings_module.load(str(PRODUCTION))) != "tests.library"
