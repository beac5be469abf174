"""What a dataset is, from its contract and its job: for a terminal, for a machine, for a page of the docs. Pure.

Imports neither Dagster nor a client. Does not own: what is published of it (published).
"""

from dataclasses import dataclass
from difflib import get_close_matches

from emr_jobs.contracts import Check, Column, Contract, Medium
from emr_jobs.contracts.model import (
    AcceptedValues,
    Measure,
    MinimumValues,
    Query,
    RequiredColumns,
    RowCount,
    RowCountDrift,
    Rule,
    UniqueKey,
)
from emr_jobs.contracts.read import Files, Rest, Snowflake
from emr_jobs.contracts.table import in_sentences, spark_type, table_identifier
from emr_jobs.core.errors import Misconfigured
from emr_jobs.core.settings import FilesConnection, RestConnection, Settings, SnowflakeConnection
from emr_jobs.domain import Domain


@dataclass(frozen=True)
class ColumnFacts:
    name: str  # a.b for b in each of a
    type: str
    required: bool
    description: str | None
    accepted: dict[str, str | None]  # value -> what it stands for
    classification: str | None
    comes_from: tuple[str, ...]  # dataset.column, or a dataset
    logic: str | None


@dataclass(frozen=True)
class CheckFacts:
    name: str
    severity: str
    description: str
    expected: str | None  # of its number; None: its description says it
    fix: str | None


@dataclass(frozen=True)
class Description:
    dataset: str
    kind: str
    status: str
    version: str  # of the contract
    contract: str  # its file
    description: str
    owner: str
    grain: str | None
    key: tuple[str, ...]
    job: str | None  # that publishes it; of a source None
    made_of: tuple[str, ...]
    read_by: tuple[str, ...]
    available_by: str | None  # on the day after the partition
    keep_days: int | None
    columns: tuple[ColumnFacts, ...]
    checks: tuple[CheckFacts, ...]


def description_of(domain: Domain, dataset: str) -> Description:
    """Raises Misconfigured for what is no dataset, naming the close ones."""
    contract = contract_named(domain, dataset)
    by = contract.available_by
    return Description(
        dataset=contract.id,
        kind=str(contract.medium),
        status=str(contract.status),
        version=contract.version,
        contract=domain.file_of(contract),
        description=contract.description,
        owner=contract.owner,
        grain=contract.granularity,
        key=contract.key,
        job=None if contract.medium is Medium.SOURCE else domain.job_of(contract.id).name,
        made_of=domain.upstream_of(contract),
        read_by=readers_of(domain, contract),
        available_by=f"{by:%H:%M} {domain.calendar.place}" if by else None,
        keep_days=contract.keep_days,
        columns=tuple(facts for column in contract.columns for facts in _column(column, contract)),
        checks=tuple(_check(check) for check in contract.checks),
    )


def contract_named(domain: Domain, dataset: str) -> Contract:
    """Raises Misconfigured naming the close ones, or all."""
    if dataset in domain.contracts:
        return domain.contracts[dataset]
    names = sorted(domain.contracts)
    close = [name for name in names if name.partition(".")[2] == dataset] or get_close_matches(dataset, names, n=3)
    raise Misconfigured(
        f"{dataset}: no such dataset; {'close are' if close else 'there are'} {', '.join(close or names)}"
    )


def readers_of(domain: Domain, contract: Contract) -> tuple[str, ...]:
    """The datasets that are made of it."""
    others = (domain.contracts[name] for name in domain.published)
    return tuple(each.id for each in others if contract.id in domain.upstream_of(each) and each.id != contract.id)


def place_of(settings: Settings, contract: Contract) -> str:
    """Where it is read, as these settings have it."""
    if contract.medium is Medium.TABLE:
        database, name = table_identifier(contract, settings.lake.database_prefix)
        return f"{database}.{name} in the lake {settings.lake.warehouse}"
    if contract.medium is Medium.INDEX:
        return f"alias {contract.physical_name} at {settings.search.url}"
    found = settings.connections.get(contract.connection)
    match contract.read, found:
        case Files(path=path), FilesConnection(uri=uri):
            return f"{uri.rstrip('/')}/{path}"
        case Rest(path=path), RestConnection(url=url):
            return f"{url.rstrip('/')}{path}"
        case Snowflake(), SnowflakeConnection(database=database, account=account):
            return f"{database}.{contract.physical_name} in Snowflake {account}"
    return f"connection {contract.connection}, which the settings do not have"


def column_type(column: Column, contract: Contract) -> str:
    return spark_type(column) if contract.medium is Medium.TABLE else column.physical_type or column.logical_type


def meaning(facts: ColumnFacts) -> str | None:
    return in_sentences(facts.description, facts.accepted, facts.classification)


def expected_of(rule: Rule) -> str | None:
    """Of a rule that takes a number."""
    match rule:
        case RowCount(bound) | Query(bound=bound) | Measure(bound=bound) | RowCountDrift(bound=bound):
            return str(bound)
        case RequiredColumns() | UniqueKey() | AcceptedValues() | MinimumValues():
            return None
    raise AssertionError(f"no words for {rule}")


def _check(check: Check) -> CheckFacts:
    return CheckFacts(check.name, str(check.severity), check.description, expected_of(check.rule), check.fix)


def _column(column: Column, contract: Contract, within: str = "") -> list[ColumnFacts]:
    """It, and the fields of what it holds."""
    meanings = dict(column.meanings)
    name = f"{within}{column.name}"
    facts = ColumnFacts(
        name=name,
        type=column_type(column, contract),
        required=column.required,
        description=column.description,
        accepted={value: meanings.get(value) for value in column.accepted},
        classification=column.classification,
        comes_from=tuple(f"{dataset}.{of}" if of else dataset for dataset, of in column.lineage),
        logic=column.logic,
    )
    return [facts, *(each for field in column.fields for each in _column(field, contract, f"{name}."))]
