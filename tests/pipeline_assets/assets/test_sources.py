"""The job `observe_sources` against the services of a running stack."""

from collections.abc import Iterator
from pathlib import Path
from socket import socket
from typing import Any

import dagster as dg
import pytest

from emr_jobs.errors import Unavailable
from emr_jobs.sources import snowflake
from pipeline_assets.definitions import definitions
from tests.running import Day
from tests.shop import SHOP

TABLES = ("snowflake/customers", "snowflake/fx_rates", "snowflake/loyalty_ledger")


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
        "s3/orders": published_day.partition,
        "web_api/shipments": published_day.partition,
        **dict.fromkeys(TABLES),
    }
    assert all(each.data_version for each in found.values())
    folder = published_day.data / "orders" / f"dt={published_day.partition}"
    files = [path.stat().st_size for path in folder.glob("*.json.gz")]
    orders = metadata(found["s3/orders"])
    assert (orders["files"], orders["size_bytes"]) == (len(files), sum(files))
    assert metadata(found["web_api/shipments"])["dagster/row_count"] == published_day.truth["shipments"]
    assert metadata(found["snowflake/customers"])["dagster/row_count"] == published_day.truth["customers"]
    assert metadata(found["snowflake/customers"])["dagster/table_name"] == "CRM.CUSTOMERS"


def test_a_day_without_a_delivery_is_observed_as_empty(published_day: Day) -> None:
    found = observed(published_day.settings_uri, "2026-01-01", op_selection=["observe_orders"])
    assert metadata(found["s3/orders"])["files"] == 0


@pytest.fixture
def without_ledger(published_day: Day) -> Iterator[None]:
    """Snowflake's ledger has another name until the test ends."""
    partition = SHOP.calendar.partition(published_day.partition)
    with snowflake.connection(
        published_day.settings.connections["warehouse"], tag={}, dataset="snowflake.loyalty_ledger", partition=partition
    ) as connection:
        connection.cursor().execute("ALTER TABLE CRM.LOYALTY_LEDGER RENAME TO LEDGER_OF_OLD")
        try:
            yield
        finally:
            connection.cursor().execute("ALTER TABLE CRM.LEDGER_OF_OLD RENAME TO LOYALTY_LEDGER")


@pytest.mark.usefixtures("without_ledger")
def test_a_table_that_is_gone_fails_after_the_others_are_observed(published_day: Day) -> None:
    job = definitions(published_day.settings_uri).resolve_job_def("observe_sources")
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(
            instance=instance,
            partition_key=published_day.partition,
            op_selection=["observe_warehouse"],
            raise_on_error=False,
        )
    (failed,) = result.get_step_failure_events()
    assert failed.step_failure_data.error is not None
    assert failed.step_failure_data.error.cause is not None
    assert (
        "snowflake.loyalty_ledger all days: expected CRM.LOYALTY_LEDGER, found no such table, or no right to see it."
        in failed.step_failure_data.error.cause.message
    )
    seen = [event.asset_key for event in result.all_events if event.is_asset_observation]
    assert {key.to_user_string() for key in seen if key} == {"snowflake/customers", "snowflake/fx_rates"}


def test_snowflake_that_is_not_there_is_named_with_what_to_check(published_day: Day, tmp_path: Path) -> None:
    with socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        uri = published_day.settings_with(tmp_path, connections_warehouse={"port": port, "connect_timeout_s": 1})
        with pytest.raises(Unavailable) as raised:
            observed(uri, published_day.partition, op_selection=["observe_warehouse"])
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
    uri = published_day.settings_with(tmp_path, connections_export={"uri": "s3://shop"})
    with pytest.raises(Unavailable) as raised:
        observed(uri, published_day.partition, op_selection=["observe_orders"])
    assert raised.value.expected == f"s3://shop/orders/dt={published_day.partition}/*.json.gz to be listed"
    assert "ListObjectsV2" in raised.value.found
    assert raised.value.fix.startswith("Check the bucket's name in the settings")
