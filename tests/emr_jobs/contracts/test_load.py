"""Faults in the contracts: every one at once, each with its file and its path in it."""

import re
import shutil
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from emr_jobs.contracts import InvalidContracts, load
from emr_jobs.contracts.model import Bound, Check, Column, Extraction, MinimumValues, NewFields, RowCount, Severity
from tests.domains import LIBRARY

LENDING = "marts.lending.odcs.yaml"
BRANCH_DAYS = "marts.branch_days.odcs.yaml"
INDEX = "find.lending.odcs.yaml"
LOANS = "staged.loans.odcs.yaml"
MEMBERS = "staged.members.odcs.yaml"
REVIEWS = "staged.reviews.odcs.yaml"
SOURCE = "http.reviews.odcs.yaml"
ROW_COUNT = "{name: row_count, metric: rowCount, mustBeGreaterThan: 0, dimension: completeness}"
DAILY_LOANS = "{name: loans, logicalType: integer,"
REJECTED_SHARE = (
    "{name: few_rejects, type: custom, engine: pipeline, "
    "implementation: {measure: rejected_share, mustBeLessOrEqualTo: 0.01}}"
)
PROMISE = 'description: "Berlin, on the day after the partition"}'


def declaring(property: str) -> str:
    """In the place of `schema:`, which follows."""
    return f"customProperties: [{property}]\nschema:\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(LIBRARY.folder / "contracts", tmp_path / "contracts"))


def edit(folder: Path, file: str, old: str, new: str) -> None:
    text = (folder / file).read_text()
    assert text.count(old) == 1, f"{file}: {text.count(old)} times {old}"
    (folder / file).write_text(text.replace(old, new))


def faults(folder: Path) -> list[str]:
    with pytest.raises(InvalidContracts) as raised:
        load(folder, LIBRARY.layers)
    lines = str(raised.value).splitlines()
    assert lines == [f"{len(raised.value.faults)} faults in the contracts:", *raised.value.faults]
    return lines[1:]


def test_a_copy_of_the_folder_loads_as_the_domain_does_but_for_what_is_derived(folder: Path) -> None:
    loaded = load(folder, LIBRARY.layers)
    assert loaded == {name: replace(LIBRARY.contracts[name], checks=each.checks) for name, each in loaded.items()}
    assert {name: [check.name for check in each.checks] for name, each in loaded.items()} == {
        "files.loans": [],
        "find.lending": ["key_unique", "row_count", "document_count"],
        "http.reviews": [],
        "marts.branch_days": ["required_columns", "key_unique", "no_negative_fees", "row_count"],
        "marts.lending": [
            *("required_columns", "minimum_values", "key_unique"),
            *("row_count", "every_loan", "member_known", "row_count_drift"),
        ],
        "snowflake.members": [],
        "staged.loans": ["required_columns", "accepted_values", "key_unique", "row_count"],
        "staged.members": ["required_columns", "key_unique", "row_count"],
        "staged.reviews": ["required_columns", "key_unique"],
    }


@pytest.mark.parametrize(
    ("file", "old", "new", "fault"),
    [
        (
            BRANCH_DAYS,
            DAILY_LOANS,
            f"{DAILY_LOANS} requried: true,",
            "$.schema[0].properties[3]: Unevaluated properties are not allowed ('requried' was unexpected)",
        ),
        (
            MEMBERS,
            'value: "08:15"',
            "value: ten",
            '$.slaProperties[0]: ten: expected a time of day, "10:00"',
        ),
        (
            MEMBERS,
            "domain: members",
            "domian: members",
            "$: Additional properties are not allowed ('domian' was unexpected)",
        ),
        (
            BRANCH_DAYS,
            DAILY_LOANS,
            f"{DAILY_LOANS} logicalType: string,",
            "$: not YAML (key 'logicalType' is written twice",
        ),
        (
            BRANCH_DAYS,
            DAILY_LOANS,
            f"{DAILY_LOANS} customProperties: [{{property: scalingfactor, value: 100}}],",
            "$.schema[0].loans.customProperties.scalingfactor: Extra inputs are not permitted",
        ),
        (
            LENDING,
            "property: samples,",
            "property: sample,",
            "$.schema[0].quality[1].customProperties.sample: Extra inputs are not permitted",
        ),
        (
            INDEX,
            "implementation: {measure: missing_documents, mustBe: 0}",
            "implementation: {measure: missing_documents, mustBe: 0, mustbe: 1}",
            "$.schema[0].quality[1].implementation.mustbe: Extra inputs are not permitted",
        ),
        (
            LENDING,
            "mustBeLessOrEqualTo: 0.05",
            "mustBeLessOrEqualTo: 0.05\n        customProperties: [{property: samples, value: loan_id}]",
            "$.schema[0].quality[2].customProperties: samples of a query that begins with SELECT count(*) FROM are",
        ),
        (
            LENDING,
            "measure: row_count_drift, days: 5,",
            "measure: row_count_drift,",
            "$.schema[0].quality[3].implementation: row_count_drift, and only it, says over how many days",
        ),
        (
            INDEX,
            "implementation: {measure: missing_documents, mustBe: 0}",
            "implementation: {measure: missing_documents}",
            "$.schema[0].quality[1].implementation: exactly one of mustBe, mustBeGreaterThan, "
            "mustBeGreaterOrEqualTo, mustBeLessThan, mustBeLessOrEqualTo, mustBeBetween",
        ),
        (INDEX, "engine: pipeline", "engine: soda", "$.schema[0].quality[1].engine: soda: expected pipeline"),
        (
            MEMBERS,
            PROMISE,
            f"{PROMISE}\n  - {{property: retention, value: 30, unit: y}}",
            "$.slaProperties[1]: 30 y: expected whole days, unit d",
        ),
        (
            MEMBERS,
            PROMISE,
            f"{PROMISE}\n  - {{property: retention, value: 0, unit: d}}",
            "$.slaProperties[1]: 0 d: expected whole days, unit d",
        ),
        (
            INDEX,
            "slaProperties:",
            "slaProperties:\n  - {property: retention, value: 30, unit: d}",
            "$.slaProperties[0]: only a table's days are deleted",
        ),
        (
            MEMBERS,
            ROW_COUNT,
            "{name: key_unique, metric: rowCount, mustBeGreaterThan: 0}",
            "$.schema[0].quality: two checks are named key_unique",
        ),
        (
            MEMBERS,
            ROW_COUNT,
            "{name: row_count, metric: rowCount, mustBeGreaterThan: 0, severity: fatal}",
            "$.schema[0].quality[0].severity: fatal: expected error or warning",
        ),
        (
            MEMBERS,
            ROW_COUNT,
            "{name: doubles, metric: duplicateValues, mustBe: 0}",
            "$.schema[0].quality[0]: no such rule here: type None, metric duplicateValues",
        ),
        (
            BRANCH_DAYS,
            DAILY_LOANS,
            f"{DAILY_LOANS} quality: [{{name: known, metric: nullValues, mustBe: 0}}],",
            "$.schema[0].loans.quality[0]: no such rule here: type None, metric nullValues",
        ),
        (
            MEMBERS,
            ROW_COUNT,
            "{name: known, metric: invalidValues, arguments: {validValues: [a]}, mustBe: 0}",
            "$.schema[0].quality[0]: no such rule here: type None, metric invalidValues",
        ),
        (
            BRANCH_DAYS,
            DAILY_LOANS,
            f"{DAILY_LOANS} logicalTypeOptions: {{minimum: 0, exclusiveMinimum: 0}},",
            "$.schema[0].loans.logicalTypeOptions: Value error, exactly one of minimum, exclusiveMinimum",
        ),
        (
            BRANCH_DAYS,
            DAILY_LOANS,
            f"{DAILY_LOANS} quality: [{{name: something_lent, type: text}}],",
            "$.schema[0].loans.quality[0]: a rule in words is a column's that has a minimum in logicalTypeOptions",
        ),
        (
            BRANCH_DAYS,
            DAILY_LOANS,
            f"{DAILY_LOANS} logicalTypeOptions: {{maximum: 9}},",
            "$.schema[0].loans.logicalTypeOptions.maximum: Extra inputs are not permitted",
        ),
        (
            MEMBERS,
            "{name: branch, logicalType: string,",
            "{name: branch, logicalType: string, logicalTypeOptions: {maxLength: 9},",
            "$.schema[0].branch.logicalTypeOptions: they are of a table's integers and numbers",
        ),
        (
            INDEX,
            "{name: fee, logicalType: number,",
            "{name: fee, logicalType: number, logicalTypeOptions: {minimum: 0},",
            "$.schema[0].fee.logicalTypeOptions: they are of a table's integers and numbers",
        ),
        (
            BRANCH_DAYS,
            DAILY_LOANS,
            "{name: parts, logicalType: array, items: {logicalType: object, properties: [{name: a, "
            f"logicalType: integer, logicalTypeOptions: {{minimum: 0}}}}]}}}}\n      - {DAILY_LOANS}",
            "$.schema[0].parts.a.logicalTypeOptions: they are of a table's integers and numbers",
        ),
        (BRANCH_DAYS, "version: 1.0.0", 'version: "1.0"', "$.version: 1.0: expected three numbers, as 1.0.0"),
        (
            BRANCH_DAYS,
            "status: active",
            "status: live",
            "$.status: live: expected one of proposed, draft, active, deprecated, retired",
        ),
        (
            BRANCH_DAYS,
            DAILY_LOANS,
            "{name: loans, logicalType: time,",
            "$.schema[0].loans.logicalType: time: expected one of string, boolean, date, timestamp, integer, "
            "number, array",
        ),
        (
            INDEX,
            "{name: kind, logicalType: string, physicalType: keyword,",
            "{name: kind, logicalType: string, physicalType: long,",
            "$.schema[0].kind.physicalType: long: string takes keyword or text",
        ),
        (BRANCH_DAYS, "team: {name: librarians}", "", "$.team: an owner is required: team: {name: ...}"),
        (
            BRANCH_DAYS,
            "id: marts.branch_days",
            "id: marts.days",
            "$.id: marts.days is not the file's name",
        ),
        (
            INDEX,
            "physicalType: index",
            "physicalType: table",
            "$.schema[0].physicalType: table belongs to staged or marts, not find",
        ),
        (
            MEMBERS,
            "schema:\n",
            declaring("{property: new_fields, value: reports}"),
            "$.customProperties.new_fields: Input should be 'ignore', 'report' or 'fail'",
        ),
        (
            MEMBERS,
            "schema:\n",
            declaring("{property: max_rejected_share, value: 1.5}"),
            "$.customProperties.max_rejected_share: Input should be less than or equal to 1",
        ),
        (
            LOANS,
            f"quality:\n      - {ROW_COUNT}",
            f"quality:\n      - {REJECTED_SHARE}\ncustomProperties: [{{property: max_rejected_share, value: 0.1}}]",
            "$.customProperties.max_rejected_share: a rule of the measure rejected_share has a limit, too",
        ),
        (
            MEMBERS,
            "schema:\n",
            declaring("{property: duplicates, value: {keep: greatest, by: left_at}}"),
            "$.customProperties.duplicates.by: no column left_at",
        ),
        (
            INDEX,
            "schema:\n",
            declaring("{property: new_fields, value: fail}"),
            "$.customProperties: new_fields: only a table is read from a source",
        ),
    ],
    ids=[
        "unknown key of a column",
        "a time of day that is none",
        "unknown key at the top",
        "key written twice",
        "unknown property of a column",
        "unknown property of a rule",
        "samples of a query that counts no rows",
        "drift over no days",
        "unknown key of a measure",
        "measure without a limit",
        "unknown engine",
        "retention in years",
        "retention of no day",
        "retention of an index",
        "check named as another",
        "unknown severity",
        "metric that is not ours",
        "metric of a column that is not ours",
        "metric of the standard that is not ours",
        "rule in words without a minimum",
        "two minima",
        "maximum",
        "length of a text",
        "minimum of an index",
        "minimum within an array",
        "version of two numbers",
        "unknown status",
        "unknown type",
        "unknown type of an index",
        "no owner",
        "id is not the file",
        "table in another layer",
        "new fields that are reports",
        "more rejects than records",
        "two limits of rejects",
        "duplicates by no column",
        "new fields of an index",
    ],
)
def test_a_fault_is_named_with_file_and_path(folder: Path, file: str, old: str, new: str, fault: str) -> None:
    edit(folder, file, old, new)
    found = faults(folder)
    assert any(line.startswith(f"{file} {fault}") for line in found), "\n".join(found)
    assert {line.partition(" ")[0] for line in found} == {file}


def test_without_a_key_there_are_no_duplicates(folder: Path) -> None:
    edit(folder, REVIEWS, "primaryKey: true, primaryKeyPosition: 1, ", "")
    edit(folder, REVIEWS, "schema:\n", declaring("{property: duplicates, value: {keep: greatest, by: stars}}"))
    assert faults(folder) == [
        f"{REVIEWS} $.customProperties.duplicates: without a primaryKey no row is another's duplicate"
    ]


def test_a_misspelt_metric_is_named_with_those_that_exist(folder: Path) -> None:
    edit(folder, MEMBERS, ROW_COUNT, "{name: row_count, metric: rowCounts, mustBeGreaterThan: 0}")
    expected = "['nullValues', 'missingValues', 'invalidValues', 'duplicateValues', 'rowCount']"
    found = f"{MEMBERS} $.schema[0].quality[0].metric: 'rowCounts' is not one of {expected}"
    assert found in faults(folder)


def test_faults_of_all_files_are_named_at_once_and_each_once(folder: Path) -> None:
    edit(folder, BRANCH_DAYS, DAILY_LOANS, f"{DAILY_LOANS} requried: true,")
    edit(folder, INDEX, "engine: pipeline", "engine: soda")
    edit(folder, INDEX, "{name: row_count,", "{name: document_counts, severity: fatal,")
    (folder / LOANS).write_text("id: [")
    assert [line.partition(":")[0] for line in faults(folder)] == [
        f"{INDEX} $.schema[0].quality[0].severity",
        f"{INDEX} $.schema[0].quality[1].engine",
        f"{BRANCH_DAYS} $.schema[0].properties[3]",
        f"{LOANS} $",
    ]


def test_faults_of_our_own_rules_in_one_file_are_named_at_once(folder: Path) -> None:
    edit(folder, BRANCH_DAYS, "team: {name: librarians}", "")
    edit(folder, BRANCH_DAYS, DAILY_LOANS, "{name: loans, logicalType: time,")
    edit(folder, BRANCH_DAYS, "{name: overdue,", "{name: overdue, customProperties: [{property: scale, value: 100}],")
    edit(
        folder,
        BRANCH_DAYS,
        "{name: partition_date, logicalType: date, required: true,",
        "{name: day, logicalType: date,",
    )
    assert [line.removeprefix(f"{BRANCH_DAYS} ").partition(": ")[0] for line in faults(folder)] == [
        "$.team",
        "$.schema[0].loans.logicalType",
        "$.schema[0].overdue.customProperties.scale",
        "$.schema[0].properties[0]",
    ]


@pytest.mark.parametrize(
    ("samples", "column"),
    [("m.loan_id", None), ("'member_name'", None), ("concat(m.loan_id, m.member_name)", "marts.lending.member_name")],
)
def test_samples_show_nothing_that_is_classified(folder: Path, samples: str, column: str | None) -> None:
    edit(folder, LENDING, '"coalesce(l.loan_id, m.loan_id)"', f'"{samples}"')
    said = f"{LENDING} $.schema[0].quality.every_loan.customProperties: samples show {column}, which is classified"
    with nullcontext() if column is None else pytest.raises(InvalidContracts, match=re.escape(said)):
        load(folder, LIBRARY.layers)


@pytest.mark.parametrize(("column", "classified"), [("loan_id", False), ("member_name", True)])
def test_a_query_that_counts_no_rows_selects_its_samples(folder: Path, column: str, classified: bool) -> None:
    edit(
        folder,
        LENDING,
        "mustBeLessOrEqualTo: 0.05",
        "mustBeLessOrEqualTo: 0.05\n        customProperties: "
        f'[{{property: samples, value: "SELECT {column} FROM ${{marts.lending}}"}}]',
    )
    said = f"{LENDING} $.schema[0].quality.member_known.customProperties: samples show marts.lending.member_name,"
    with pytest.raises(InvalidContracts, match=re.escape(said)) if classified else nullcontext():
        load(folder, LIBRARY.layers)


def test_a_query_that_names_an_unknown_dataset_is_named_with_its_check(folder: Path) -> None:
    used = "SELECT count(*) FROM (SELECT loan_id FROM ${staged."
    edit(folder, LENDING, used + "loans}", used + "parcels}")
    assert faults(folder) == [f"{LENDING} $.schema[0].quality.every_loan: no contract staged.parcels"]


def test_a_missing_file_is_named_by_every_column_and_query_that_needs_it(folder: Path) -> None:
    (folder / LOANS).unlink()
    assert faults(folder) == [
        f"{LENDING} $.schema[0].loan_id.transformSourceObjects: no contract staged.loans",
        f"{LENDING} $.schema[0].title.transformSourceObjects: no contract staged.loans",
        f"{LENDING} $.schema[0].kind.transformSourceObjects: no contract staged.loans",
        f"{LENDING} $.schema[0].fee.transformSourceObjects: no contract staged.loans",
        f"{LENDING} $.schema[0].is_overdue.transformSourceObjects: no contract staged.loans",
        f"{LENDING} $.schema[0].quality.every_loan: no contract staged.loans",
    ]


def test_a_column_that_does_not_exist_upstream_is_named(folder: Path) -> None:
    edit(folder, BRANCH_DAYS, "[marts.lending.kind]", "[marts.lending.kinds]")
    edit(folder, INDEX, "[marts.lending.fee]", "[marts.loans.fee]")
    assert faults(folder) == [
        f"{INDEX} $.schema[0].fee.transformSourceObjects: no contract marts.loans",
        f"{BRANCH_DAYS} $.schema[0].kind.transformSourceObjects: marts.lending has no column kinds",
    ]


def test_an_empty_folder_is_a_fault(tmp_path: Path) -> None:
    assert faults(tmp_path) == [f"{tmp_path}: no *.odcs.yaml in it"]


def test_a_long_message_of_the_standard_is_cut(folder: Path) -> None:
    edit(folder, BRANCH_DAYS, DAILY_LOANS, f"{DAILY_LOANS} {'x' * 400}: true,")
    (fault,) = faults(folder)
    said = fault.removeprefix(f"{BRANCH_DAYS} $.schema[0].properties[3]: ")
    assert said == f"Unevaluated properties are not allowed ('{'x' * 400}"[:300]


def test_a_path_into_a_source_is_kept_and_every_part_that_is_declared_is_compared(folder: Path) -> None:
    (text,) = [each for each in load(folder, LIBRARY.layers)["staged.reviews"].columns if each.name == "text"]
    assert text.lineage == (("http.reviews", "body.text"),)

    declared = "{name: body, logicalType: object,"
    edit(folder, SOURCE, declared, f"{declared} properties: [{{name: lang, logicalType: string}}],")
    edit(folder, REVIEWS, "[http.reviews.stars]", "[http.reviews.ratings.stars]")
    where = f"{REVIEWS} $.schema[0]"
    assert faults(folder) == [
        f"{where}.stars.transformSourceObjects: http.reviews has no column ratings",
        f"{where}.text.transformSourceObjects: http.reviews has no column body.text",
    ]


def test_a_column_of_a_dataset_has_no_fields(folder: Path) -> None:
    edit(folder, BRANCH_DAYS, "[marts.lending.kind]", "[marts.lending.kind.name]")
    assert faults(folder) == [
        f"{BRANCH_DAYS} $.schema[0].kind.transformSourceObjects: marts.lending has no column kind.name"
    ]


def test_a_column_of_snowflake_is_named_in_any_case(folder: Path) -> None:
    edit(folder, MEMBERS, "[snowflake.members.BRANCH]", "[snowflake.members.branch]")
    loaded = load(folder, LIBRARY.layers)
    (branch,) = [each for each in loaded["staged.members"].columns if each.name == "branch"]
    assert branch.lineage == (("snowflake.members", "branch"),)
    assert loaded["snowflake.members"].path("branch") == ("BRANCH",)


def test_how_a_dataset_is_read_by_contract_is_kept(folder: Path) -> None:
    declared = "{property: duplicates, value: {keep: greatest, by: joined_at}}, {property: new_fields, value: fail}"
    edit(folder, MEMBERS, "schema:\n", declaring(declared))
    edit(
        folder,
        MEMBERS,
        "{name: branch, logicalType: string,",
        "{name: branch, logicalType: string, transformLogic: upper(name),",
    )
    edit(
        folder,
        SOURCE,
        "{name: written, logicalType: timestamp,",
        "{name: written, logicalType: timestamp, logicalTypeOptions: {defaultTimezone: UTC},",
    )
    loaded = load(folder, LIBRARY.layers)
    members = loaded["staged.members"]
    assert members.extraction == Extraction(
        keep_greatest="joined_at", new_fields=NewFields.FAIL, max_rejected_share=0.01
    )
    assert {column.name: column.logic for column in members.columns if column.logic} == {"branch": "upper(name)"}
    zones = {column.name: column.default_timezone for column in loaded["http.reviews"].columns}
    assert zones == dict.fromkeys(zones) | {"written": "UTC"}
    assert loaded["staged.reviews"].extraction is None


def test_minima_are_one_check_of_the_table(folder: Path) -> None:
    edit(
        folder,
        BRANCH_DAYS,
        DAILY_LOANS,
        f"{DAILY_LOANS} logicalTypeOptions: {{exclusiveMinimum: 0}},",
    )
    edit(
        folder,
        BRANCH_DAYS,
        "{name: overdue, logicalType: integer,",
        "{name: overdue, logicalType: integer, logicalTypeOptions: {minimum: 1.5},",
    )
    checks = load(folder, LIBRARY.layers)["marts.branch_days"].checks
    assert [check for check in checks if check.name == "minimum_values"] == [
        Check(
            "minimum_values",
            Severity.ERROR,
            "No value below its minimum: loans more than 0, overdue at least 1.5",
            MinimumValues(
                (("loans", Bound("mustBeGreaterThan", 0.0)), ("overdue", Bound("mustBeGreaterOrEqualTo", 1.5)))
            ),
        )
    ]


def test_minimum_in_words_has_the_name_of_its_rule(folder: Path) -> None:
    rule = "quality: [{name: something_lent, type: text, severity: warning}]"
    edit(folder, BRANCH_DAYS, DAILY_LOANS, f"{DAILY_LOANS} logicalTypeOptions: {{minimum: 1}}, {rule},")
    checks = load(folder, LIBRARY.layers)["marts.branch_days"].checks
    assert [check for check in checks if isinstance(check.rule, MinimumValues)] == [
        Check(
            "something_lent",
            Severity.WARNING,
            "loans is at least 1",
            MinimumValues((("loans", Bound("mustBeGreaterOrEqualTo", 1.0)),)),
        ),
        Check(
            "no_negative_fees",
            Severity.ERROR,
            "fees is at least 0",
            MinimumValues((("fees", Bound("mustBeGreaterOrEqualTo", 0.0)),)),
        ),
    ]


def test_items_of_an_array_are_read_with_what_belongs_to_them(folder: Path) -> None:
    edit(
        folder,
        INDEX,
        "{name: stars, logicalType: integer, physicalType: integer}",
        "{name: stars, logicalType: number, physicalType: scaled_float, "
        "customProperties: [{property: scalingFactor, value: 10}]}",
    )
    edit(
        folder,
        LENDING,
        "{name: title,",
        "{name: topics, logicalType: array, items: {logicalType: string}}\n      - {name: title,",
    )
    loaded = load(folder, LIBRARY.layers)
    (reviews,) = [each for each in loaded["find.lending"].columns if each.name == "reviews"]
    assert (reviews.items, reviews.fields) == (
        "object",
        (
            Column("review_id", "integer", "integer"),
            Column("stars", "number", "scaled_float", scaling_factor=10),
            Column("text", "string", "text"),
        ),
    )
    (topics,) = [each for each in loaded["marts.lending"].columns if each.name == "topics"]
    assert topics == Column("topics", "array", items="string")


def test_how_long_days_are_kept_and_what_to_do_about_a_check_are_read(folder: Path) -> None:
    edit(folder, MEMBERS, PROMISE, f"{PROMISE}\n  - {{property: retention, value: 90, unit: d}}")
    fix = 'customProperties: [{property: fix, value: "Ask the office of {partition}."}]'
    edit(folder, MEMBERS, ROW_COUNT, ROW_COUNT.replace("}", f", {fix}}}"))
    members = load(folder, LIBRARY.layers)["staged.members"]
    assert members.keep_days == 90
    assert members.checks[-1] == Check(
        "row_count",
        Severity.ERROR,
        "Rows: more than 0",
        RowCount(Bound("mustBeGreaterThan", 0.0)),
        "Ask the office of {partition}.",
    )
