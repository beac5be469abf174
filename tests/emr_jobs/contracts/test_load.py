"""Faults in the contracts: every one at once, each with its file and its path in it."""

import shutil
from pathlib import Path

import pytest

from emr_jobs.contracts import InvalidContracts, load
from emr_jobs.contracts.model import Bound, Check, Extraction, MinimumValues, NewFields, Severity
from pipeline_assets.home import ROOT
from tests.shop import SHOP

ORDERS = "intermediate.orders.odcs.yaml"
FACTS = "final.order_facts.odcs.yaml"
SALES = "final.daily_sales.odcs.yaml"
SEARCH = "search.orders.odcs.yaml"
REJECTED = "intermediate.rejected_orders.odcs.yaml"
CUSTOMERS = "intermediate.customers.odcs.yaml"
ROW_COUNT = "{name: row_count, metric: rowCount, mustBeGreaterThan: 0, dimension: completeness}"
SALES_ORDERS = "{name: orders, logicalType: integer,"


SOURCE = "web_api.shipments.odcs.yaml"
SHIPMENTS = "intermediate.shipments.odcs.yaml"


def declaring(property: str) -> str:
    """In the place of `schema:`, which follows."""
    return f"customProperties: [{property}]\nschema:\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT / "shop" / "contracts", tmp_path / "contracts"))


def edit(folder: Path, file: str, old: str, new: str) -> None:
    text = (folder / file).read_text()
    assert text.count(old) == 1, f"{file}: {text.count(old)} times {old}"
    (folder / file).write_text(text.replace(old, new))


def faults(folder: Path) -> list[str]:
    with pytest.raises(InvalidContracts) as raised:
        load(folder, SHOP.layers)
    lines = str(raised.value).splitlines()
    assert lines == [f"{len(raised.value.faults)} faults in the contracts:", *raised.value.faults]
    return lines[1:]


def test_a_copy_of_the_folder_loads_as_the_project_does(folder: Path) -> None:
    assert load(folder, SHOP.layers) == SHOP.contracts


@pytest.mark.parametrize(
    ("file", "old", "new", "fault"),
    [
        (
            SALES,
            SALES_ORDERS,
            f"{SALES_ORDERS} requried: true,",
            "$.schema[0].properties[4]: Unevaluated properties are not allowed ('requried' was unexpected)",
        ),
        (
            CUSTOMERS,
            "domain: crm",
            "domian: crm",
            "$: Additional properties are not allowed ('domian' was unexpected)",
        ),
        (
            SALES,
            SALES_ORDERS,
            f"{SALES_ORDERS} logicalType: string,",
            "$: not YAML (key 'logicalType' is written twice",
        ),
        (
            SALES,
            SALES_ORDERS,
            f"{SALES_ORDERS} customProperties: [{{property: scalingfactor, value: 100}}],",
            "$.schema[0].orders.customProperties.scalingfactor: Extra inputs are not permitted",
        ),
        (
            FACTS,
            "property: samples,",
            "property: sample,",
            "$.schema[0].quality[1].customProperties.sample: Extra inputs are not permitted",
        ),
        (
            SEARCH,
            "implementation: {measure: missing_documents, mustBe: 0}",
            "implementation: {measure: missing_documents, mustBe: 0, mustbe: 1}",
            "$.schema[0].quality[1].implementation.mustbe: Extra inputs are not permitted",
        ),
        (
            FACTS,
            "mustBeLessOrEqualTo: 0.02",
            "mustBeLessOrEqualTo: 0.02\n        customProperties: [{property: samples, value: order_id}]",
            "$.schema[0].quality[4].customProperties: samples are of a query that begins with SELECT count(*) FROM",
        ),
        (
            FACTS,
            "measure: row_count_drift, days: 7,",
            "measure: row_count_drift,",
            "$.schema[0].quality[6].implementation: row_count_drift, and only it, says over how many days",
        ),
        (
            SEARCH,
            "implementation: {measure: missing_documents, mustBe: 0}",
            "implementation: {measure: missing_documents}",
            "$.schema[0].quality[1].implementation: exactly one of mustBe, mustBeGreaterThan, "
            "mustBeGreaterOrEqualTo, mustBeLessThan, mustBeLessOrEqualTo, mustBeBetween",
        ),
        (SEARCH, "engine: pipeline", "engine: soda", "$.schema[0].quality[1].engine: soda: expected pipeline"),
        (REJECTED, "value: 30, unit: d", "value: 30, unit: y", "$.slaProperties[1]: 30 y: expected whole days, unit d"),
        (REJECTED, "value: 30, unit: d", "value: 0, unit: d", "$.slaProperties[1]: 0 d: expected whole days, unit d"),
        (
            SEARCH,
            "slaProperties:",
            "slaProperties:\n  - {property: retention, value: 30, unit: d}",
            "$.slaProperties[0]: only a table's days are deleted",
        ),
        (
            CUSTOMERS,
            ROW_COUNT,
            "{name: key_unique, metric: rowCount, mustBeGreaterThan: 0}",
            "$.schema[0].quality: two checks are named key_unique",
        ),
        (
            CUSTOMERS,
            ROW_COUNT,
            "{name: row_count, metric: rowCount, mustBeGreaterThan: 0, severity: fatal}",
            "$.schema[0].quality[0].severity: fatal: expected error or warning",
        ),
        (
            CUSTOMERS,
            ROW_COUNT,
            "{name: doubles, metric: duplicateValues, mustBe: 0}",
            "$.schema[0].quality[0]: no such rule here: type None, metric duplicateValues",
        ),
        (
            SALES,
            SALES_ORDERS,
            f"{SALES_ORDERS} quality: [{{name: known, metric: nullValues, mustBe: 0}}],",
            "$.schema[0].orders.quality[0]: no such rule here: type None, metric nullValues",
        ),
        (
            CUSTOMERS,
            ROW_COUNT,
            "{name: known, metric: invalidValues, arguments: {validValues: [a]}, mustBe: 0}",
            "$.schema[0].quality[0]: no such rule here: type None, metric invalidValues",
        ),
        (
            SALES,
            SALES_ORDERS,
            f"{SALES_ORDERS} logicalTypeOptions: {{minimum: 0, exclusiveMinimum: 0}},",
            "$.schema[0].orders.logicalTypeOptions: Value error, exactly one of minimum, exclusiveMinimum",
        ),
        (
            SALES,
            SALES_ORDERS,
            f"{SALES_ORDERS} quality: [{{name: something_sold, type: text}}],",
            "$.schema[0].orders.quality[0]: a rule in words is a column's that has a minimum in logicalTypeOptions",
        ),
        (
            SALES,
            SALES_ORDERS,
            f"{SALES_ORDERS} logicalTypeOptions: {{maximum: 9}},",
            "$.schema[0].orders.logicalTypeOptions.maximum: Extra inputs are not permitted",
        ),
        (
            CUSTOMERS,
            "{name: segment, logicalType: string,",
            "{name: segment, logicalType: string, logicalTypeOptions: {maxLength: 9},",
            "$.schema[0].segment.logicalTypeOptions: they are of a table's integers and numbers",
        ),
        (
            SEARCH,
            "{name: units, logicalType: integer,",
            "{name: units, logicalType: integer, logicalTypeOptions: {minimum: 0},",
            "$.schema[0].units.logicalTypeOptions: they are of a table's integers and numbers",
        ),
        (
            SALES,
            SALES_ORDERS,
            "{name: parts, logicalType: array, items: {logicalType: object, properties: [{name: a, "
            f"logicalType: integer, logicalTypeOptions: {{minimum: 0}}}}]}}}}\n      - {SALES_ORDERS}",
            "$.schema[0].parts.a.logicalTypeOptions: they are of a table's integers and numbers",
        ),
        (SALES, "version: 1.0.0", 'version: "1.0"', "$.version: 1.0: expected three numbers, as 1.0.0"),
        (
            SALES,
            "status: active",
            "status: live",
            "$.status: live: expected one of proposed, draft, active, deprecated, retired",
        ),
        (
            SALES,
            SALES_ORDERS,
            "{name: orders, logicalType: time,",
            "$.schema[0].orders.logicalType: time: expected one of string, boolean, date, timestamp, integer, "
            "number, array",
        ),
        (
            SEARCH,
            "{name: units, logicalType: integer, physicalType: integer,",
            "{name: units, logicalType: integer, physicalType: long,",
            "$.schema[0].units.physicalType: long: integer takes integer",
        ),
        (SALES, "team: {name: data-engineering}", "", "$.team: an owner is required: team: {name: ...}"),
        (
            SALES,
            "id: final.daily_sales",
            "id: final.sales",
            "$.id: final.sales is not the file's name",
        ),
        (
            SEARCH,
            "physicalType: index",
            "physicalType: table",
            "$.schema[0].physicalType: table belongs to intermediate or final, not search",
        ),
        (
            CUSTOMERS,
            "schema:\n",
            declaring("{property: new_fields, value: reports}"),
            "$.customProperties.new_fields: Input should be 'ignore', 'report' or 'fail'",
        ),
        (
            CUSTOMERS,
            "schema:\n",
            declaring("{property: max_rejected_share, value: 1.5}"),
            "$.customProperties.max_rejected_share: Input should be less than or equal to 1",
        ),
        (
            ORDERS,
            "schema:\n",
            declaring("{property: max_rejected_share, value: 0.1}"),
            "$.customProperties.max_rejected_share: a rule of the measure rejected_share has a limit, too",
        ),
        (
            CUSTOMERS,
            "schema:\n",
            declaring("{property: duplicates, value: {keep: greatest, by: updated_at}}"),
            "$.customProperties.duplicates.by: no column updated_at",
        ),
        (
            REJECTED,
            "schema:\n",
            declaring("{property: duplicates, value: {keep: greatest, by: raw}}"),
            "$.customProperties.duplicates: without a primaryKey no row is another's duplicate",
        ),
        (
            SEARCH,
            "schema:\n",
            declaring("{property: new_fields, value: fail}"),
            "$.customProperties: new_fields: only a table is read from a source",
        ),
    ],
    ids=[
        "unknown key of a column",
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
        "duplicates without a key",
        "new fields of an index",
    ],
)
def test_a_fault_is_named_with_file_and_path(folder: Path, file: str, old: str, new: str, fault: str) -> None:
    edit(folder, file, old, new)
    found = faults(folder)
    assert any(line.startswith(f"{file} {fault}") for line in found), "\n".join(found)
    assert {line.partition(" ")[0] for line in found} == {file}


def test_a_misspelt_metric_is_named_with_those_that_exist(folder: Path) -> None:
    edit(folder, CUSTOMERS, ROW_COUNT, "{name: row_count, metric: rowCounts, mustBeGreaterThan: 0}")
    expected = "['nullValues', 'missingValues', 'invalidValues', 'duplicateValues', 'rowCount']"
    found = f"{CUSTOMERS} $.schema[0].quality[0].metric: 'rowCounts' is not one of {expected}"
    assert found in faults(folder)


def test_faults_of_all_files_are_named_at_once_and_each_once(folder: Path) -> None:
    edit(folder, SALES, SALES_ORDERS, f"{SALES_ORDERS} requried: true,")
    edit(folder, SEARCH, "engine: pipeline", "engine: soda")
    edit(folder, SEARCH, "{name: row_count,", "{name: document_counts, severity: fatal,")
    (folder / ORDERS).write_text("id: [")
    assert [line.partition(":")[0] for line in faults(folder)] == [
        f"{SALES} $.schema[0].properties[4]",
        f"{ORDERS} $",
        f"{SEARCH} $.schema[0].quality[0].severity",
        f"{SEARCH} $.schema[0].quality[1].engine",
    ]


def test_faults_of_our_own_rules_in_one_file_are_named_at_once(folder: Path) -> None:
    edit(folder, SALES, "team: {name: data-engineering}", "")
    edit(folder, SALES, SALES_ORDERS, "{name: orders, logicalType: time,")
    edit(folder, SALES, "{name: units,", "{name: units, customProperties: [{property: scale, value: 100}],")
    edit(folder, SALES, "{name: partition_date, logicalType: date, required: true,", "{name: day, logicalType: date,")
    assert [line.removeprefix(f"{SALES} ").partition(": ")[0] for line in faults(folder)] == [
        "$.team",
        "$.schema[0].orders.logicalType",
        "$.schema[0].units.customProperties.scale",
        "$.schema[0].properties[0]",
    ]


def test_a_query_that_names_an_unknown_dataset_is_named_with_its_check(folder: Path) -> None:
    used = "SELECT count(*) FROM (\n            SELECT currency FROM ${intermediate."
    edit(folder, FACTS, used + "orders}", used + "parcels}")
    assert faults(folder) == [f"{FACTS} $.schema[0].quality.fx_rate_known: no contract intermediate.parcels"]


def test_a_missing_file_is_named_by_every_column_and_query_that_needs_it(folder: Path) -> None:
    (folder / "intermediate.fx_rates.odcs.yaml").unlink()
    found = faults(folder)
    assert f"{FACTS} $.schema[0].net_amount_usd.transformSourceObjects: no contract intermediate.fx_rates" in found
    assert f"{FACTS} $.schema[0].quality.fx_rate_known: no contract intermediate.fx_rates" in found
    assert all(line.endswith(": no contract intermediate.fx_rates") for line in found)


def test_a_column_that_does_not_exist_upstream_is_named(folder: Path) -> None:
    edit(folder, SALES, "[final.order_facts.channel]", "[final.order_facts.chanel]")
    edit(folder, SEARCH, "[final.order_facts.currency]", "[final.orders.currency]")
    assert faults(folder) == [
        f"{SALES} $.schema[0].channel.transformSourceObjects: final.order_facts has no column chanel",
        f"{SEARCH} $.schema[0].currency.transformSourceObjects: no contract final.orders",
    ]


def test_an_empty_folder_is_a_fault(tmp_path: Path) -> None:
    assert faults(tmp_path) == [f"{tmp_path}: no *.odcs.yaml in it"]


def test_a_long_message_of_the_standard_is_cut(folder: Path) -> None:
    edit(folder, SALES, SALES_ORDERS, f"{SALES_ORDERS} {'x' * 400}: true,")
    (fault,) = faults(folder)
    said = fault.removeprefix(f"{SALES} $.schema[0].properties[4]: ")
    assert said == f"Unevaluated properties are not allowed ('{'x' * 400}"[:300]


def test_a_path_into_a_source_is_kept_and_every_part_that_is_declared_is_compared(folder: Path) -> None:
    cost = 'physicalType: "decimal(18,2)", transformSourceObjects: [web_api.shipments.cost'
    edit(folder, SHIPMENTS, f"{cost}]", f"{cost}.amount]")
    (column,) = [each for each in load(folder, SHOP.layers)["intermediate.shipments"].columns if "_amount" in each.name]
    assert column.lineage == (("web_api.shipments", "cost.amount"),)

    declared = "{name: cost, logicalType: object,"
    edit(folder, SOURCE, declared, f"{declared} properties: [{{name: total, logicalType: number}}],")
    edit(folder, SHIPMENTS, "[web_api.shipments.carrier]", "[web_api.shipments.carriers.name]")
    where = f"{SHIPMENTS} $.schema[0]"
    assert faults(folder) == [
        f"{where}.carrier.transformSourceObjects: web_api.shipments has no column carriers",
        f"{where}.cost_amount.transformSourceObjects: web_api.shipments has no column cost.amount",
    ]


def test_a_column_of_a_dataset_has_no_fields(folder: Path) -> None:
    edit(folder, SALES, "[final.order_facts.channel]", "[final.order_facts.channel.name]")
    assert faults(folder) == [
        f"{SALES} $.schema[0].channel.transformSourceObjects: final.order_facts has no column channel.name"
    ]


def test_a_column_of_snowflake_is_named_in_any_case(folder: Path) -> None:
    edit(folder, CUSTOMERS, "[snowflake.customers.SEGMENT]", "[snowflake.customers.segment]")
    assert load(folder, SHOP.layers)["intermediate.customers"].path("segment") == ("segment",)


def test_how_a_dataset_is_read_by_contract_is_kept(folder: Path) -> None:
    declared = "{property: duplicates, value: {keep: greatest, by: created_at}}, {property: new_fields, value: fail}"
    edit(folder, CUSTOMERS, "schema:\n", declaring(declared))
    edit(
        folder,
        CUSTOMERS,
        "{name: segment, logicalType: string,",
        "{name: segment, logicalType: string, transformLogic: upper(country),",
    )
    edit(
        folder,
        SOURCE,
        "{name: shipped_at, logicalType: timestamp}",
        "{name: shipped_at, logicalType: timestamp, logicalTypeOptions: {defaultTimezone: UTC}}",
    )
    loaded = load(folder, SHOP.layers)
    customers = loaded["intermediate.customers"]
    assert customers.extraction == Extraction(
        keep_greatest="created_at", new_fields=NewFields.FAIL, max_rejected_share=0.01
    )
    assert {column.name: column.logic for column in customers.columns if column.logic} == {"segment": "upper(country)"}
    zones = {column.name: column.default_timezone for column in loaded["web_api.shipments"].columns}
    assert zones == dict.fromkeys(zones) | {"shipped_at": "UTC"}
    assert loaded["intermediate.shipments"].extraction is None


def test_minima_are_one_check_of_the_table(folder: Path) -> None:
    edit(
        folder,
        SALES,
        SALES_ORDERS,
        f"{SALES_ORDERS} logicalTypeOptions: {{exclusiveMinimum: 0}},",
    )
    edit(
        folder,
        SALES,
        "{name: units, logicalType: integer,",
        "{name: units, logicalType: integer, logicalTypeOptions: {minimum: 1.5},",
    )
    checks = load(folder, SHOP.layers)["final.daily_sales"].checks
    assert [check for check in checks if check.name == "minimum_values"] == [
        Check(
            "minimum_values",
            Severity.ERROR,
            "No value below its minimum: orders more than 0, units at least 1.5",
            MinimumValues(
                (("orders", Bound("mustBeGreaterThan", 0.0)), ("units", Bound("mustBeGreaterOrEqualTo", 1.5)))
            ),
        )
    ]


def test_minimum_in_words_has_the_name_of_its_rule(folder: Path) -> None:
    rule = "quality: [{name: something_sold, type: text, severity: warning}]"
    edit(folder, SALES, SALES_ORDERS, f"{SALES_ORDERS} logicalTypeOptions: {{minimum: 1}}, {rule},")
    checks = load(folder, SHOP.layers)["final.daily_sales"].checks
    assert [check for check in checks if isinstance(check.rule, MinimumValues)] == [
        Check(
            "something_sold",
            Severity.WARNING,
            "orders is at least 1",
            MinimumValues((("orders", Bound("mustBeGreaterOrEqualTo", 1.0)),)),
        )
    ]
