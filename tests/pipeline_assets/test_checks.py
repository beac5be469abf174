"""The verdicts of the stand-alone checks, from what they found; what they read is test_published_checks."""

from collections.abc import Iterator
from datetime import date
from functools import partial
from typing import ClassVar

import dagster as dg
import pytest

from emr_jobs.contracts.mapping import index_body
from emr_jobs.contracts.model import Bound
from emr_jobs.contracts.table import iceberg_type
from emr_jobs.core import settings as settings_module
from emr_jobs.core.errors import Misconfigured, Remedy
from emr_jobs.publish.versions import Version
from pipeline_assets.checks import tables
from pipeline_assets.checks.indices import judge_index, mapping_differences, rows_in
from pipeline_assets.checks.joins import Answer, judge_rules
from pipeline_assets.checks.runs import judge_run
from pipeline_assets.checks.spark import spark_session
from pipeline_assets.checks.tables import Reported, reported_rows
from pipeline_assets.checks.verdict import Verdict, result
from pipeline_assets.remedies import PRODUCTION
from tests.domains import LIBRARY, LOCAL

LENDING = LIBRARY.contracts["marts.lending"]
LOANS = LIBRARY.contracts["staged.loans"]
REJECTED = LIBRARY.contracts["staged.rejected_loans"]
INDEX = LIBRARY.contracts["find.lending"]
DAY = "2026-11-21"
judge_table = partial(tables.judge_table, today=date(2026, 12, 21))
LOAN_COLUMNS = {column.name: str(iceberg_type(column)) for column in LOANS.columns}
ZERO = Bound("mustBe", 0.0)


class TestTables:
    def test_the_rows_that_were_reported_pass(self) -> None:
        assert judge_table(LOANS, partition=DAY, columns=LOAN_COLUMNS, rows=5, reported=5) == Verdict(
            True, "5 rows, as the latest run reported", "5 rows", "", numbers={"rows": 5, "columns_that_differ": 0}
        )

    def test_other_rows_than_were_reported_fail_and_the_day_is_run_again(self) -> None:
        assert judge_table(LOANS, partition=DAY, columns=LOAN_COLUMNS, rows=4, reported=5) == Verdict(
            False,
            "5 rows, as the latest run reported",
            "4 rows",
            "",
            Remedy.RERUN,
            {"rows": 4, "columns_that_differ": 0},
        )

    def test_an_empty_day_passes_where_the_run_reported_it_so(self) -> None:
        assert judge_table(LOANS, partition=DAY, columns=LOAN_COLUMNS, rows=0, reported=0).passed

    def test_without_a_run_on_record_the_contract_says_how_many(self) -> None:
        present = judge_table(LOANS, partition=DAY, columns=LOAN_COLUMNS, rows=1, reported=None)
        absent = judge_table(LOANS, partition=DAY, columns=LOAN_COLUMNS, rows=0, reported=None)
        assert present.passed
        assert (absent.passed, absent.expected, absent.found) == (
            False,
            "rows: more than 0 (no run on record to compare with)",
            "0 rows",
        )

    def test_a_dataset_that_may_be_empty_may_be_empty_without_a_run_on_record(self) -> None:
        columns = {column.name: str(iceberg_type(column)) for column in REJECTED.columns}
        verdict = judge_table(REJECTED, partition=DAY, columns=columns, rows=0, reported=None)
        assert (verdict.passed, verdict.expected) == (True, "any number of rows (no run on record to compare with)")

    def test_rows_that_are_not_kept_any_more_are_not_missed(self) -> None:
        columns = {column.name: str(iceberg_type(column)) for column in REJECTED.columns}
        last, gone = (
            tables.judge_table(REJECTED, partition=DAY, columns=columns, rows=0, reported=7, today=today)
            for today in (date(2026, 12, 21), date(2026, 12, 22))
        )
        assert (last.passed, last.expected) == (False, "7 rows, as the latest run reported")
        assert (gone.passed, gone.expected) == (True, "no rows: they are kept for 30 days")
        assert not tables.judge_table(
            LOANS, partition=DAY, columns=LOAN_COLUMNS, rows=0, reported=5, today=date(2027, 12, 22)
        ).passed

    def test_every_column_that_differs_is_named(self) -> None:
        columns = {**LOAN_COLUMNS, "fee": "double", "extra": "string"}
        del columns["due_on"]
        assert judge_table(LOANS, partition=DAY, columns=columns, rows=5, reported=5) == Verdict(
            False,
            "5 rows, as the latest run reported",
            "5 rows; columns that differ from the contract: 3 (due_on absent instead of date, "
            "fee double instead of decimal(18, 2), extra string instead of absent)",
            "Bring the table up to its contract: pipeline lake apply.",
            numbers={"rows": 5, "columns_that_differ": 3},
        )

    def test_no_table_at_all_takes_both(self) -> None:
        assert judge_table(LOANS, partition=DAY, columns=None, rows=0, reported=5) == Verdict(
            False,
            "5 rows, as the latest run reported",
            "no table",
            "Bring the table up to its contract: pipeline lake apply.",
            Remedy.RERUN,
            {"rows": 0, "columns_that_differ": 0},
        )

    def test_no_table_fails_even_where_nothing_was_expected(self) -> None:
        assert not judge_table(REJECTED, partition=DAY, columns=None, rows=0, reported=0).passed


class TestReportedRows:
    @pytest.fixture
    def instance(self) -> Iterator[dg.DagsterInstance]:
        with dg.DagsterInstance.ephemeral() as instance:
            yield instance

    def report(self, instance: dg.DagsterInstance, partition: str, **metadata: int) -> None:
        named = {f"dagster/{name}": value for name, value in metadata.items()}
        key = dg.AssetKey(["staged", "loans"])
        instance.report_runless_asset_event(dg.AssetMaterialization(asset_key=key, partition=partition, metadata=named))

    def test_the_latest_of_this_partition_counts(self, instance: dg.DagsterInstance) -> None:
        self.report(instance, DAY, row_count=4)
        self.report(instance, DAY, row_count=5)
        self.report(instance, "2026-11-22", row_count=6)
        assert reported_rows(instance, LOANS, DAY) == Reported(rows=5, run_id="")

    def test_a_latest_one_without_a_count_hides_older_ones(self, instance: dg.DagsterInstance) -> None:
        self.report(instance, DAY, row_count=4)
        self.report(instance, DAY)
        assert reported_rows(instance, LOANS, DAY) is None

    def test_none_where_the_day_has_no_run(self, instance: dg.DagsterInstance) -> None:
        self.report(instance, "2026-11-22", row_count=6)
        assert reported_rows(instance, LOANS, DAY) is None


class TestIndices:
    def judged(self, **changed: object) -> Verdict:
        good = {"shown": ["lendings-2026-11-21-0123456789ab-0"], "wrong": [], "documents": 5, "rows": 5}
        return judge_index(INDEX, source=LENDING, **{**good, **changed})  # type: ignore[arg-type]

    def test_one_index_with_a_document_for_every_row_passes(self) -> None:
        verdict = self.judged()
        assert (verdict.passed, verdict.expected, verdict.found) == (
            True,
            "1 index of the day, mapped as in the contract, with 5 documents: the rows of marts.lending",
            "1 index (lendings-2026-11-21-0123456789ab-0) and 5 documents behind the alias lendings",
        )

    @pytest.mark.parametrize(
        ("changed", "found"),
        [
            ({"shown": [], "documents": 0}, "0 indices and 0 documents behind the alias lendings"),
            ({"shown": ["a", "b"]}, "2 indices (a, b) and 5 documents behind the alias lendings"),
            (
                {"documents": 4},
                "1 index (lendings-2026-11-21-0123456789ab-0) and 4 documents behind the alias lendings",
            ),
            (
                {"shown": ["a"], "wrong": ["dynamic true instead of strict"]},
                "1 index (a) and 5 documents behind the alias lendings; "
                "fields that are mapped otherwise: 1 (dynamic true instead of strict)",
            ),
        ],
    )
    def test_anything_else_fails_with_what_was_found(self, changed: dict[str, object], found: str) -> None:
        verdict = self.judged(**changed)
        assert (verdict.passed, verdict.found) == (False, found)
        assert verdict.remedy is Remedy.RERUN

    def test_documents_are_the_rows_of_the_table_that_their_key_comes_from(self) -> None:
        assert rows_in(LIBRARY, INDEX) is LENDING

    def test_the_mapping_of_the_contract_has_no_difference_whatever_its_meta_says(self) -> None:
        assert mapping_differences(INDEX, index_body(INDEX, meta={"run_id": "any"})["mappings"]) == []

    def test_every_field_that_is_mapped_otherwise_is_named(self) -> None:
        found = index_body(INDEX, meta={})["mappings"]
        del found["properties"]["is_overdue"]
        found["dynamic"] = "true"
        found["properties"]["kind"] = {"type": "text"}
        found["properties"]["extra"] = {"type": "long"}
        assert sorted(mapping_differences(INDEX, found)) == [
            "dynamic true instead of strict",
            "extra {type:long} instead of absent",
            "is_overdue absent instead of {type:boolean}",
            "kind {type:text} instead of {type:keyword}",
        ]


class TestRuns:
    NOW: ClassVar = {"staged.loans": "x.0", "staged.members": "y.0"}
    SHOWN = Version("a.0", NOW)

    @pytest.mark.parametrize(
        ("shown", "lead", "found"),
        [
            ([SHOWN], [SHOWN], "a.0"),
            ([Version("a.0", None)], [SHOWN], "a.0"),
            ([None], [None], "None"),
            ([Version("b.0", NOW)], [SHOWN], "b.0; of marts.lending a.0"),
            ([SHOWN, Version("b.0", NOW)], [SHOWN], "a.0, b.0; of marts.lending a.0"),
            ([], [SHOWN], "nothing; of marts.lending a.0"),
            ([None], [SHOWN], "None; of marts.lending a.0"),
            (
                [Version("a.0", {"staged.loans": "w.0", "staged.members": "y.0"})],
                [SHOWN],
                "a.0; staged.loans x.0, read as w.0",
            ),
        ],
    )
    def test_a_day_is_of_its_lead_s_run_and_of_the_inputs_as_they_are(
        self, shown: list[Version | None], lead: list[Version | None], found: str
    ) -> None:
        verdict = judge_run(LIBRARY.job("catalogue"), shown=shown, lead=lead, now=self.NOW)
        assert (verdict.passed, verdict.found) == (";" not in found, found)
        assert verdict.expected == "the version of marts.lending, computed of the inputs as they are now"
        assert verdict.remedy is Remedy.RERUN

    def test_inputs_are_what_other_jobs_publish(self) -> None:
        assert LIBRARY.inputs_of(LIBRARY.job("extract_loans")) == []
        assert LIBRARY.inputs_of(LIBRARY.job("catalogue")) == ["staged.loans", "staged.members", "staged.reviews"]


class TestJoins:
    def test_rules_that_hold_pass(self) -> None:
        answers = [Answer("every_loan", ZERO, 0.0), Answer("fees_add_up", ZERO, 0.0)]
        verdict = judge_rules(answers)
        assert (verdict.passed, verdict.expected) == (True, "every_loan 0, fees_add_up 0")

    def test_only_the_rules_that_fail_are_found_with_samples(self) -> None:
        answers = [Answer("every_loan", ZERO, 0.0), Answer("kind_known", ZERO, 2.0, ("map", "toy"))]
        assert judge_rules(answers) == Verdict(
            False,
            "every_loan 0, kind_known 0",
            "kind_known 2 (map, toy)",
            "An input was published again, or a table changed by hand.",
            Remedy.RERUN,
            {"every_loan": 0.0, "kind_known": 2.0},
        )

    def test_a_host_without_the_jars_is_told_which_setting_is_missing(self) -> None:
        settings = settings_module.load(str(LOCAL))
        without = settings.model_copy(update={"spark": settings.spark.model_copy(update={"jars": None})})
        with (
            pytest.raises(Misconfigured, match=r"spark\.jars is not set.*\(make setup\)"),
            spark_session(without, name=""),
        ):
            raise AssertionError("no session may start")

    def test_a_session_of_somebody_else_is_neither_used_nor_stopped(self, spark: object) -> None:
        settings = settings_module.load(str(LOCAL))
        with (
            pytest.raises(Misconfigured, match="a Spark session runs in this process"),
            spark_session(settings, name=""),
        ):
            raise AssertionError("no session may start")
        assert spark.range(3).count() == 3  # type: ignore[attr-defined]


def test_numbers_of_a_verdict_are_numbers_of_the_result() -> None:
    """Dagster plots what is a number, and nothing else."""
    verdict = Verdict(True, "2 rows", "2 rows", "", numbers={"rows": 2, "share": 0.5})
    metadata = result(LENDING, "published", verdict, partition=DAY, place=PRODUCTION).metadata
    assert metadata["rows"] == dg.MetadataValue.int(2)
    assert metadata["share"] == dg.MetadataValue.float(0.5)


def test_a_failed_check_says_what_to_do_and_a_passed_one_does_not() -> None:
    judged = partial(result, LENDING, "published", partition=DAY, place=PRODUCTION)
    passed = judged(Verdict(True, "1 row", "1 row", "", Remedy.RERUN))
    failed = judged(Verdict(False, "1 row", "0 rows", "Type this: x", Remedy.RERUN))
    assert {name: value.value for name, value in passed.metadata.items()} == {"expected": "1 row", "found": "1 row"}
    assert passed.description is None
    assert failed.severity is dg.AssetCheckSeverity.ERROR
    what_to_do = f"Type this: x To run it again: pipeline trigger --partition {DAY} --rerun"
    assert failed.description == f"expected 1 row, found 0 rows. {what_to_do}"
    assert failed.metadata["what_to_do"].value == what_to_do
