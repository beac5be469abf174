"""The job `observe_sources` against the services of a running stack."""

from pathlib import Path
from socket import socket
from typing import Any

import dagster as dg
import pytest

from emr_jobs.core.errors import Unavailable
from pipeline_assets.definitions import definitions
from tests.domains import LIBRARY
from tests.pipeline_assets.conftest import Library
from tests.running import Day

# One more table of the office, and what is made of it.
BRANCHES = """
apiVersion: v3.2.0
kind: DataContract
id: snowflake.branches
version: 1.0.0
status: active
description: {purpose: Where the desks are.}
team: {name: office}
customProperties:
  - {property: read, value: {kind: snowflake, connection: office}}
schema:
  - name: branches
    physicalName: OFFICE.BRANCHES
    physicalType: snowflake table
    properties:
      - {name: BRANCH, logicalType: string, required: true}
"""
STAGED = """
apiVersion: v3.2.0
kind: DataContract
id: staged.branches
version: 1.0.0
status: active
description: {purpose: Where the desks are.}
team: {name: librarians}
slaProperties:
  - {property: timeOfAvailability, value: "08:15"}
schema:
  - name: branches
    physicalType: table
    properties:
      - {name: partition_date, logicalType: date, required: true, partitioned: true, partitionKeyPosition: 1}
      - name: branch
        logicalType: string
        required: true
        primaryKey: true
        primaryKeyPosition: 1
        transformSourceObjects: [snowflake.branches.BRANCH]
"""


def observed(uri: str, partition: str, **more: Any) -> dict[str, dg.AssetObservation]:
    """By asset, from a run in this process."""
    job = definitions(uri).resolve_job_def("observe_sources")
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(instance=instance, partition_key=partition, **more)
    found = [event.event_specific_data for event in result.all_events if event.is_asset_observation]
    observations = [each.asset_observation for each in found]  # type: ignore[union-attr]
    return {each.asset_key.to_user_string(): each for each in observations}


def metadata(observation: dg.AssetObservation) -> dict[str, Any]:
    return {name: value.value for name, value in observation.metadata.items()}


def test_every_source_is_observed_and_what_is_kept_by_day_with_its_partition(published_day: Day) -> None:
    found = observed(published_day.settings_uri, published_day.partition)
    assert {key: each.partition for key, each in found.items()} == {
        "files/loans": published_day.partition,
        "http/reviews": published_day.partition,
        "snowflake/members": None,
    }
    assert all(each.data_version for each in found.values())
    files = [path.stat().st_size for path in (published_day.data / "loans" / "2026").glob("1121-*.csv.gz")]
    loans = metadata(found["files/loans"])
    assert (loans["files"], loans["size_bytes"]) == (2, sum(files))
    assert metadata(found["http/reviews"])["dagster/row_count"] == published_day.truth["reviews"]
    members = metadata(found["snowflake/members"])
    assert members["dagster/row_count"] == published_day.truth["members"]
    assert members["dagster/table_name"] == "OFFICE.MEMBERS"


def test_a_day_without_a_delivery_is_observed_as_empty(published_day: Day) -> None:
    found = observed(published_day.settings_uri, "2026-01-01", op_selection=["observe_loans"])
    assert metadata(found["files/loans"])["files"] == 0


def test_a_table_that_is_gone_fails_after_the_others_are_observed(
    published_day: Day, library: Library, tmp_path: Path
) -> None:
    for id_, text in (("snowflake.branches", BRANCHES), ("staged.branches", STAGED)):
        (library.contracts / f"{id_}.odcs.yaml").write_text(text)
    settings = tmp_path / "settings.toml"
    text = Path(published_day.settings_uri).read_text()
    settings.write_text(text.replace(f'"{LIBRARY.package}"', f'"{library.package}"'))
    job = definitions(str(settings)).resolve_job_def("observe_sources")
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(
            instance=instance,
            partition_key=published_day.partition,
            op_selection=["observe_office"],
            raise_on_error=False,
        )
    (failed,) = result.get_step_failure_events()
    assert failed.step_failure_data.error is not None
    assert failed.step_failure_data.error.cause is not None
    assert (
        "snowflake.branches all days: expected OFFICE.BRANCHES, found no such table, or no right to see it."
        in failed.step_failure_data.error.cause.message
    )
    seen = [event.asset_key for event in result.all_events if event.is_asset_observation]
    assert [key.to_user_string() for key in seen if key] == ["snowflake/members"]


def test_snowflake_that_is_not_there_is_named_with_what_to_check(published_day: Day, tmp_path: Path) -> None:
    with socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        uri = published_day.settings_with(tmp_path, connections_office={"port": port, "connect_timeout_s": 1})
        with pytest.raises(Unavailable) as raised:
            observed(uri, published_day.partition, op_selection=["observe_office"])
    assert raised.value.expected == "Snowflake account fakesnow to tell PIPELINE of its tables"
    assert raised.value.fix.startswith("Check account, user and the key file:")
    assert "\n" not in raised.value.found


def test_a_bucket_that_cannot_be_listed_is_named(
    published_day: Day, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", published_day.settings.search.url)  # answers, but not as S3
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    uri = published_day.settings_with(tmp_path, connections_desk={"uri": "s3://library"})
    with pytest.raises(Unavailable) as raised:
        observed(uri, published_day.partition, op_selection=["observe_loans"])
    assert raised.value.expected == "s3://library/loans/2026/1121-*.csv.gz to be listed"
    assert "ListObjectsV2" in raised.value.found
    assert raised.value.fix.startswith("Check the bucket's name in the settings")
