"""The code location: what it needs to load, and that every dataset, check and job of the catalogue is in it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import dagster as dg
import pytest

from emr_jobs.contracts import Check, Contract, Medium
from emr_jobs.contracts.table import column_description
from pipeline_assets.definitions import definitions
from pipeline_assets.home import ROOT
from tests.domains import EMULATOR, LIBRARY, LOCAL

# Refused as they happen, whoever asks.
GUARDED_IMPORT = """
import json, sys

def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        raise AssertionError(f"{event} while the definitions load: {arguments}")

sys.addaudithook(refuse)
from pipeline_assets.definitions import defs
print(json.dumps({"jobs": sorted(job.name for job in defs.resolve_all_job_defs()), "modules": sorted(sys.modules)}))
"""
# The namespace `snowflake` itself is there in every process: a .pth file of one of its packages makes it.
HEAVY = ("pyspark", "py4j", "dagster_pyspark", "dagster_aws", "dagster_snowflake", "snowflake.connector")
HEAVY += ("snowflake.snowpark", "pyiceberg", "opensearchpy", "pyarrow", "duckdb", "boto3")


@pytest.fixture(scope="module")
def defs() -> dg.Definitions:
    return definitions(str(LOCAL))


def specs(defs: dg.Definitions) -> dict[str, dg.AssetSpec]:
    return {".".join(spec.key.path): spec for spec in defs.resolve_all_asset_specs()}


def checks(defs: dg.Definitions) -> dict[tuple[str, str], dg.AssetCheckSpec]:
    graph = defs.resolve_asset_graph()
    return {(".".join(key.asset_key.path), key.name): graph.get_check_spec(key) for key in graph.asset_check_keys}


def contract_checks() -> dict[tuple[str, str], Check]:
    return {(dataset, check.name): check for job in LIBRARY.jobs for dataset, check in LIBRARY.checks_of(job)}


@pytest.mark.usefixtures("processes")
def test_loading_needs_no_network_no_java_no_credentials_and_nothing_heavy(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", GUARDED_IMPORT],
        env={"PIPELINE_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},  # and no PATH, so no Java
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    loaded = json.loads(ended.stdout)
    assert {"daily", "checks", "observe_sources"} <= set(loaded["jobs"])
    assert sorted(set(HEAVY) & set(loaded["modules"])) == []
    assert list(tmp_path.iterdir()) == [], "nothing is written"


@pytest.mark.usefixtures("processes")
def test_dagster_validates_the_workspace(tmp_path: Path) -> None:
    ended = subprocess.run(
        [str(Path(sys.executable).with_name("dagster")), "definitions", "validate", "-w", "workspace.yaml"],
        env={"PIPELINE_HOME": str(tmp_path), "DAGSTER_HOME": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Validation successful for code location pipeline_assets" in ended.stdout + ended.stderr


def test_a_code_server_takes_all_of_it(defs: dg.Definitions) -> None:
    """Names of ops and jobs collide only when all of them are loaded."""
    defs.get_repository_def().load_all_definitions()


def test_every_dataset_is_an_asset_and_nothing_else_is(defs: dg.Definitions) -> None:
    assert set(specs(defs)) == set(LIBRARY.contracts)
    assert sorted(LIBRARY.published) == sorted(name for name in LIBRARY.contracts if not LIBRARY.is_source(name))


@pytest.mark.parametrize("contract", LIBRARY.contracts.values(), ids=lambda contract: contract.id)
def test_an_asset_is_described_by_its_contract(defs: dg.Definitions, contract: Contract) -> None:
    spec = specs(defs)[contract.id]
    assert spec.description == "\n\n".join(
        part
        for part in (
            contract.description,
            contract.usage and f"**Usage.** {contract.usage}",
            contract.limitations and f"**Limitations.** {contract.limitations}",
        )
        if part
    )
    assert spec.owners == [f"team:{contract.owner}"]
    assert spec.kinds
    assert spec.group_name == ("sources" if contract.medium is Medium.SOURCE else contract.layer)
    assert {".".join(dep.asset_key.path) for dep in spec.deps} == set(contract.upstream)
    schema = spec.metadata["dagster/column_schema"]
    assert isinstance(schema, dg.TableSchema)
    assert [(column.name, column.description) for column in schema.columns] == [
        (column.name, column_description(column)) for column in contract.columns
    ]
    assert all(column.type for column in schema.columns)


def test_a_table_as_a_whole(defs: dg.Definitions) -> None:
    """One asset spelled out, so that the rules above do not only repeat the code."""
    spec = specs(defs)["staged.loans"]
    assert spec.kinds == {"pyspark", "iceberg"}
    assert spec.owners == ["team:librarians"]
    assert [dep.asset_key for dep in spec.deps] == [dg.AssetKey(["files", "loans"])]
    assert spec.metadata["contract"] == "tests/library/contracts/staged.loans.odcs.yaml"
    (reference,) = spec.metadata["dagster/code_references"].code_references
    assert Path(reference.file_path) == LIBRARY.folder / "contracts" / "staged.loans.odcs.yaml"
    schema = spec.metadata["dagster/column_schema"]
    assert {column.name: column.type for column in schema.columns} == {
        "partition_date": "date",
        "loan_id": "string",
        "member_id": "string",
        "title": "string",
        "lent_at": "timestamp",
        "due_on": "date",
        "fee": "decimal(18,2)",
        "shelf": "bigint",
        "kind": "string",
    }
    assert {column.name for column in schema.columns if column.constraints.unique} == {"loan_id"}
    assert {column.name for column in schema.columns if not column.constraints.nullable} == {
        "partition_date",
        "loan_id",
        "lent_at",
    }


def test_what_promises_an_hour_is_judged_at_that_hour_and_in_no_other_job(defs: dg.Definitions) -> None:
    promised = {id for id, contract in LIBRARY.contracts.items() if contract.available_by}
    due = defs.resolve_job_def("days_that_are_due")
    keys = {(".".join(key.asset_key.path), key.name) for key in due.asset_layer.asset_graph.asset_check_keys}
    assert keys == {(id, "day_that_is_due") for id in promised}
    assert promised == {id for id, contract in LIBRARY.contracts.items() if contract.medium is not Medium.SOURCE}
    schedule = defs.resolve_schedule_def("days_that_are_due_schedule")
    hours = {contract.available_by for contract in LIBRARY.contracts.values() if contract.available_by}
    assert schedule.cron_schedule == [f"{hour.minute} {hour.hour} * * *" for hour in sorted(hours)]
    assert (schedule.execution_timezone, schedule.default_status.value) == ("Europe/Berlin", "STOPPED")


def test_every_check_is_of_the_day_and_says_what_it_proves(defs: dg.Definitions) -> None:
    found = checks(defs)
    published = {(each.id, "published") for each in LIBRARY.contracts.values() if each.medium is not Medium.SOURCE}
    own = contract_checks()
    declared = set(own)
    runs = {(dataset, "of_one_run") for dataset in LIBRARY.job("catalogue").outputs}
    due = {(each.id, "day_that_is_due") for each in LIBRARY.contracts.values() if each.available_by}
    assert set(found) == declared | published | runs | due | {("marts.lending", "agrees_with_inputs")}
    assert not declared & published
    for name, spec in found.items():
        # The day that is due is one that the clock says, whichever partition somebody looks at.
        assert isinstance(spec.partitions_def, dg.DailyPartitionsDefinition) == (name not in due), name
        assert spec.description, name
        assert spec.blocking == (name in own and own[name].blocking), name
    for name in published | runs:
        assert f"pipeline run --partition <day> --select {name[0]}" in str(found[name].description)


def test_the_daily_job_runs_the_jobs_and_their_own_checks_only(defs: dg.Definitions) -> None:
    daily = defs.resolve_job_def("daily")
    assert {node.name for node in daily.graph.nodes} == {job.name for job in LIBRARY.jobs}
    evaluated = {(".".join(key.asset_key.path), key.name) for key in daily.asset_layer.asset_graph.asset_check_keys}
    assert evaluated == set(contract_checks())


def test_the_stand_alone_checks_are_a_job_of_the_same_days(defs: dg.Definitions) -> None:
    daily, stand_alone = defs.resolve_job_def("daily"), defs.resolve_job_def("checks")
    assert {node.name for node in stand_alone.graph.nodes} == {
        "published_tables",
        "published_indices",
        "published_runs",
        "published_joins",
    }
    assert stand_alone.partitions_def == daily.partitions_def
    assert isinstance(stand_alone.partitions_def, dg.DailyPartitionsDefinition)


def test_every_source_can_be_observed_and_is_in_the_job_that_does(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    sources = {key for key in graph.get_all_asset_keys() if graph.get(key).is_observable}
    assert {".".join(key.path) for key in sources} == {
        each.id for each in LIBRARY.contracts.values() if each.medium is Medium.SOURCE
    }
    observe = defs.resolve_job_def("observe_sources")
    assert observe.asset_layer.selected_asset_keys == sources
    assert isinstance(observe.partitions_def, dg.DailyPartitionsDefinition)


def test_clusters_are_ended_by_sensors_where_launcher_emr_can_make_them() -> None:
    with mock.patch.dict(os.environ):  # the emulator's address goes into it
        names = {
            profile.stem: sorted(sensor.name for sensor in definitions(str(profile)).sensors or [])
            for profile in (LOCAL, EMULATOR)
        }
    after = [f"end_cluster_after_{status}" for status in ("canceled", "failure", "success")]
    assert names == {"local": [], "emulator": [*after, "end_forgotten_clusters"]}
