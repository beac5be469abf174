"""The stand-alone checks on a published day: they pass, and each fails when what it reads is broken.

The lake is broken in a copy of its catalogue: what is committed through the copy, nobody else sees. The index is
broken in place and mended again.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import pytest
from opensearchpy import OpenSearch
from pyiceberg.table import Table
from pyiceberg.types import StringType
from pyspark.sql import SparkSession

from emr_jobs.contracts.mapping import index_body
from emr_jobs.core.errors import Unavailable
from emr_jobs.core.settings import load
from emr_jobs.publish.search import SearchIndex
from pipeline_assets import lake
from pipeline_assets.checks.due import shown_day
from pipeline_assets.checks.joins import answers_of, judge_rules
from pipeline_assets.definitions import definitions
from pipeline_assets.home import ROOT
from tests.domains import LIBRARY
from tests.running import Day, finished, session_for

TABLES = {each.id for each in LIBRARY.tables}
INDEX = LIBRARY.contracts["find.lending"]
CATALOGUE = LIBRARY.job("catalogue")
GIVE_UP_S = 60  # on a process that should have ended

Evaluations = dict[tuple[str, str], dg.AssetCheckEvaluation]


def evaluate(day: Day, step: str, *, settings_uri: str | None = None) -> Evaluations:
    """One step of the job `checks` in this process, by dataset and check; on record with the day's own runs."""
    job = definitions(settings_uri or day.settings_uri).resolve_job_def("checks")
    with dg.DagsterInstance.from_config(str(day.home / "dagster")) as instance:
        result = job.execute_in_process(instance=instance, partition_key=day.partition, op_selection=[step])
    return {(".".join(each.asset_key.path), each.check_name): each for each in result.get_asset_check_evaluations()}


def test_readers_have_the_published_day_by_its_run_and_not_the_one_that_is_due_now(published_day: Day) -> None:
    settings, day = load(published_day.settings_uri), LIBRARY.calendar.partition(published_day.partition)
    promised = {each.id: each for each in LIBRARY.contracts.values() if each.available_by}
    shown = {name: shown_day(settings, contract, day) for name, contract in promised.items()}
    assert all(each is not None and each.since is not None for each in shown.values()), shown
    assert {each.by for each in shown.values() if each} == {f"{shown[INDEX.id].by}"}  # type: ignore[union-attr]
    job = definitions(published_day.settings_uri).resolve_job_def("days_that_are_due")
    with dg.DagsterInstance.ephemeral() as instance:
        judged = job.execute_in_process(instance=instance).get_asset_check_evaluations()
    assert {".".join(each.asset_key.path): each.passed for each in judged} == dict.fromkeys(promised, False)
    due = LIBRARY.calendar.latest_complete(datetime.now(UTC))
    days = {str(each.metadata["due_day"].value) for each in judged}
    assert days <= {str(due), str(due.date - timedelta(days=1))}


def checks_process(day: Day, *, settings_uri: str) -> "subprocess.Popen[str]":
    """The whole job as Dagster's command line runs it, each step in a process of its own."""
    dropped = ("PYSPARK_", "SPARK_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    command = [str(Path(sys.executable).with_name("dagster")), "job", "execute", "-m", "pipeline_assets.definitions"]
    return subprocess.Popen(
        [*command, "-j", "checks", "--tags", f'{{"dagster/partition": "{day.partition}"}}'],
        env={
            **environment,
            "PIPELINE_HOME": str(day.home),
            "PIPELINE_SETTINGS": settings_uri,
            "DAGSTER_HOME": str(day.home / "dagster"),
        },
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def recorded(day: Day) -> dict[tuple[str, str], dg.AssetCheckEvaluation]:
    """The latest evaluation of every stand-alone check."""
    keys = [dg.AssetCheckKey(dg.AssetKey(each.split(".")), "published") for each in [*TABLES, INDEX.id]]
    keys.append(dg.AssetCheckKey(dg.AssetKey(["marts", "lending"]), "agrees_with_inputs"))
    with dg.DagsterInstance.from_config(str(day.home / "dagster")) as instance:
        latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    return {
        (".".join(key.asset_key.path), key.name): record.event.dagster_event.event_specific_data
        for key, record in latest.items()
    }


def said(evaluation: dg.AssetCheckEvaluation, name: str) -> Any:
    return evaluation.metadata[name].value


@pytest.fixture
def lake_copy(published_day: Day, tmp_path: Path) -> str:
    """Settings whose lake is a copy of the day's catalogue over the same files."""
    uri = published_day.settings.lake.uri
    assert uri is not None
    shutil.copy(uri, tmp_path / "catalog.db")
    return published_day.settings_with(tmp_path, lake={"uri": str(tmp_path / "catalog.db")})


def table(settings_uri: str, dataset: str) -> Table:
    return lake.catalog(load(settings_uri)).load_table(dataset)


@pytest.fixture
def index(published_day: Day) -> tuple[OpenSearch, str]:
    """A client, and the name of the day's index."""
    target = SearchIndex(published_day.settings.search, INDEX)
    (shown,) = target.published(LIBRARY.calendar.partition(published_day.partition))
    return target.client, shown.name


@pytest.fixture
def later() -> Iterator[ExitStack]:
    """What the test registers here is done at its end, whatever happens."""
    with ExitStack() as stack:
        yield stack


class TestGoodDay:
    def test_every_check_of_a_dataset_passes(self, published_day: Day) -> None:
        found = evaluate(published_day, "published_tables") | evaluate(published_day, "published_indices")
        assert {name: (each.passed, each.partition) for name, each in found.items()} == dict.fromkeys(
            [(dataset, "published") for dataset in [*TABLES, INDEX.id]], (True, published_day.partition)
        )
        assert said(found["marts.lending", "published"], "found") == "300 rows"
        assert said(found["marts.lending", "published"], "expected") == "300 rows, as the latest run reported"
        assert "300 documents behind the alias lendings" in said(found["find.lending", "published"], "found")

    def test_outputs_of_a_job_are_of_one_run_and_of_the_inputs_as_they_are(self, published_day: Day) -> None:
        found = evaluate(published_day, "published_runs")
        assert {name: each.passed for name, each in found.items()} == dict.fromkeys(
            [(dataset, "of_one_run") for dataset in CATALOGUE.outputs], True
        )
        (version,) = {said(each, "found") for each in found.values()}
        assert version.startswith(f"{published_day.partition}.")

    def test_a_mart_agrees_with_its_inputs(self, published_day: Day, spark: SparkSession) -> None:
        lending = LIBRARY.contracts["marts.lending"]
        answers = answers_of(session_for(spark, published_day.settings), LIBRARY, lending, published_day.partition)
        verdict = judge_rules(answers)
        assert (verdict.passed, verdict.found) == (True, "every_loan 0")

    def test_the_run_that_reported_the_rows_is_named(self, published_day: Day) -> None:
        with dg.DagsterInstance.from_config(str(published_day.home / "dagster")) as instance:
            wanted = dg.AssetRecordsFilter(
                asset_key=dg.AssetKey(["staged", "loans"]), asset_partitions=[published_day.partition]
            )
            (record,) = instance.fetch_materializations(wanted, limit=1).records
        found = evaluate(published_day, "published_tables")
        assert set(found) == {(dataset, "published") for dataset in TABLES}
        assert said(found["staged.loans", "published"], "reported_by") == record.run_id


class TestTables:
    def test_a_day_that_was_lost_fails_and_names_the_command(self, published_day: Day, lake_copy: str) -> None:
        table(lake_copy, "marts.branch_days").delete(f"partition_date == '{published_day.partition}'")
        found = evaluate(published_day, "published_tables", settings_uri=lake_copy)
        assert [name for name, each in found.items() if not each.passed] == [("marts.branch_days", "published")]
        failed = found["marts.branch_days", "published"]
        assert said(failed, "found") == "0 rows"
        assert said(failed, "what_to_do") == (
            f"To run it again: pipeline run --partition {published_day.partition} --select marts.branch_days"
        )

    def test_a_check_that_is_run_on_its_asset_s_page_tells_as_well(
        self, published_day: Day, lake_copy: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """There Dagster runs it in a job of its own."""
        table(lake_copy, "marts.branch_days").delete(f"partition_date == '{published_day.partition}'")
        of_every_asset = definitions(lake_copy).resolve_implicit_global_asset_job_def()
        check = dg.AssetCheckKey(dg.AssetKey(["marts", "branch_days"]), "published")
        job = of_every_asset.get_subset(asset_selection=set(), asset_check_selection={check})
        with dg.DagsterInstance.from_config(str(published_day.home / "dagster")) as instance:
            assert job.execute_in_process(instance=instance, partition_key=published_day.partition).success
        said = capfd.readouterr().err
        assert said.count(f"published_tables {published_day.partition}: 1 failed checks\n") == 1, said
        assert "marts.branch_days published: expected " in said

    def test_columns_that_are_not_the_contracts_fail(self, published_day: Day, lake_copy: str) -> None:
        with table(lake_copy, "staged.members").update_schema() as update:
            update.rename_column("branch", "house")
            update.add_column("extra", StringType())
        found = evaluate(published_day, "published_tables", settings_uri=lake_copy)
        assert [name for name, each in found.items() if not each.passed] == [("staged.members", "published")]
        assert said(found["staged.members", "published"], "found").endswith(
            " rows; columns that differ from the contract: 3 (branch absent instead of string, "
            "house string instead of absent, extra string instead of absent)"
        )

    def test_a_table_that_is_gone_fails_and_the_others_are_still_checked(
        self, published_day: Day, lake_copy: str
    ) -> None:
        lake.catalog(load(lake_copy)).drop_table("staged.reviews")
        found = evaluate(published_day, "published_tables", settings_uri=lake_copy)
        assert [name for name, each in found.items() if not each.passed] == [("staged.reviews", "published")]
        assert said(found["staged.reviews", "published"], "found") == "no table"
        assert len(found) == len(TABLES)

    def test_rows_are_counted_without_opening_a_data_file(self, published_day: Day, later: ExitStack) -> None:
        location = table(published_day.settings_uri, "marts.lending").location()
        files = Path(location.removeprefix("file://")) / "data"
        later.callback(files.with_name("data-elsewhere").rename, files)
        files.rename(files.with_name("data-elsewhere"))
        assert evaluate(published_day, "published_tables")["marts.lending", "published"].passed


class TestIndex:
    def failed(self, day: Day, settings_uri: str | None = None) -> dg.AssetCheckEvaluation:
        (evaluation,) = evaluate(day, "published_indices", settings_uri=settings_uri).values()
        assert not evaluation.passed
        assert said(evaluation, "what_to_do").endswith(
            f"pipeline run --partition {day.partition} --select find.lending"
        )
        return evaluation

    def test_an_alias_without_the_day_fails(
        self, published_day: Day, index: tuple[OpenSearch, str], later: ExitStack
    ) -> None:
        client, name = index
        later.callback(client.indices.put_alias, index=name, name="lendings")
        client.indices.delete_alias(index=name, name="lendings")
        failed = self.failed(published_day)
        assert said(failed, "found") == "0 indices and 0 documents behind the alias lendings"

    def test_a_second_index_of_the_day_fails(
        self, published_day: Day, index: tuple[OpenSearch, str], later: ExitStack
    ) -> None:
        client, name = index
        second = f"lendings-{published_day.partition}-{'0' * 12}-9"
        later.callback(client.indices.delete, index=second)
        client.indices.create(index=second, body={**index_body(INDEX, meta={}), "aliases": {"lendings": {}}})
        assert said(self.failed(published_day), "found").startswith(f"2 indices ({second}, {name}) and ")

    def test_documents_of_the_day_in_somebody_elses_index_fail(
        self, published_day: Day, index: tuple[OpenSearch, str], later: ExitStack
    ) -> None:
        client, _ = index
        later.callback(client.indices.delete, index="handmade")
        client.indices.create(index="handmade", body={**index_body(INDEX, meta={}), "aliases": {"lendings": {}}})
        client.index(index="handmade", body={"partition_date": published_day.partition}, params={"refresh": "true"})
        found = said(self.failed(published_day), "found")
        assert found.endswith(" and 301 documents behind the alias lendings")

    def test_a_mapping_that_takes_any_field_fails(
        self, published_day: Day, index: tuple[OpenSearch, str], later: ExitStack
    ) -> None:
        client, name = index
        later.callback(client.indices.put_mapping, index=name, body={"dynamic": "strict"})
        client.indices.put_mapping(index=name, body={"dynamic": "true"})
        assert said(self.failed(published_day), "found").endswith(
            "; fields that are mapped otherwise: 1 (dynamic true instead of strict)"
        )

    def test_documents_without_their_rows_in_the_lake_fail(self, published_day: Day, lake_copy: str) -> None:
        table(lake_copy, "marts.lending").delete(f"partition_date == '{published_day.partition}'")
        failed = self.failed(published_day, lake_copy)
        assert said(failed, "expected").endswith("with 0 documents: the rows of marts.lending")


def test_an_input_that_was_published_again_is_found_in_every_output_by_its_version(
    published_day: Day, lake_copy: str
) -> None:
    members, again = table(lake_copy, "staged.members"), f"{published_day.partition}.again.0"
    before = lake.version(members, LIBRARY.calendar.partition(published_day.partition))
    assert before is not None
    members.append(members.scan().to_arrow().slice(0, 0), snapshot_properties={"published-wap-id": again})
    found = evaluate(published_day, "published_runs", settings_uri=lake_copy)
    assert {name for name, each in found.items() if not each.passed} == {
        (dataset, "of_one_run") for dataset in CATALOGUE.outputs
    }
    for each in found.values():
        assert said(each, "found").endswith(f"; staged.members {again}, read as {before.wap_id}")


def test_a_loan_that_is_missing_is_found_by_every_kind_of_check_as_dagster_runs_the_job(
    published_day: Day, lake_copy: str
) -> None:
    table(lake_copy, "marts.lending").delete("loan_id == 'L261121-00007'")
    ended = finished(checks_process(published_day, settings_uri=lake_copy))
    assert ended.code == 0, ended.output[-3000:]  # a failed check is a result, not a failed run
    found = recorded(published_day)
    assert len(found) == len(TABLES) + 2
    assert {each.partition for each in found.values()} == {published_day.partition}
    assert said(found["marts.lending", "published"], "found") == "299 rows"
    assert said(found["find.lending", "published"], "expected").endswith(
        "with 299 documents: the rows of marts.lending"
    )
    joined = found["marts.lending", "agrees_with_inputs"]
    assert (joined.passed, joined.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert said(joined, "expected") == "every_loan 0"
    assert said(joined, "found") == "every_loan 1 (L261121-00007)"
    assert said(joined, "what_to_do") == (
        "An input was published again, or a table changed by hand. To run it again: "
        f"pipeline run --partition {published_day.partition} --select marts.lending"
    )
    assert {name for name, each in found.items() if not each.passed} == {
        ("marts.lending", "published"),
        ("marts.lending", "agrees_with_inputs"),
        ("find.lending", "published"),
    }


def test_a_service_that_does_not_answer_fails_the_step_not_the_check(published_day: Day, tmp_path: Path) -> None:
    uri = published_day.settings_with(tmp_path, search={"url": "http://127.0.0.1:9", "max_retries": 0})
    with pytest.raises(Unavailable) as raised:
        evaluate(published_day, "published_indices", settings_uri=uri)
    assert raised.value.expected == "OpenSearch at http://127.0.0.1:9 to answer"


def test_materializations_say_where_each_column_comes_from(published_day: Day) -> None:
    with dg.DagsterInstance.from_config(str(published_day.home / "dagster")) as instance:
        for dataset in LIBRARY.published:
            (record,) = instance.fetch_materializations(dg.AssetKey(dataset.split(".")), limit=1).records
            assert record.asset_materialization is not None
            lineage = record.asset_materialization.metadata["dagster/column_lineage"].value
            contract = LIBRARY.contracts[dataset]
            named = {column.name for column in contract.columns if any(source for _, source in column.lineage)}
            assert set(lineage.deps_by_column) == named, dataset
            if dataset == "find.lending":
                deps = {(dep.asset_key.path[-1], dep.column_name) for dep in lineage.deps_by_column["reviews"]}
                assert deps == {("reviews", "review_id"), ("reviews", "stars"), ("reviews", "text")}


def test_an_interrupted_check_leaves_no_process(published_day: Day) -> None:
    """In the moment in which PySpark waits for its JVM: left alone, that one would stay for good."""
    started = checks_process(published_day, settings_uri=published_day.settings_uri)
    assert started.stdout is not None
    for line in started.stdout:
        if "published_joins - STEP_START " in line:
            break
    tree = psutil.Process(started.pid)
    while not (running := [each for each in tree.children(recursive=True) if name_of(each) == "java"]):
        assert started.poll() is None, "ended before its Spark started"
    running += tree.children(recursive=True)
    started.send_signal(signal.SIGINT)
    started.communicate()
    _, alive = psutil.wait_procs(running, timeout=GIVE_UP_S)
    assert alive == []


def name_of(process: psutil.Process) -> str | None:
    with suppress(psutil.NoSuchProcess):
        return process.name()
    return None
