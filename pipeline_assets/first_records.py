"""The first records of a source's day as the contract of its dataset reads them, in this process: no Spark.

The source is asked as a run asks it, for no more than that takes. Columns that Spark makes of others (transformLogic)
are named and have no values. Does not own: what is printed (cli), the reading (emr_jobs.reading).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emr_jobs.catalog import BY_CONTRACT, Job
from emr_jobs.contracts import Contract, Medium
from emr_jobs.contracts.load import PARTITION_COLUMN
from emr_jobs.contracts.model import NewFields
from emr_jobs.contracts.read import Files, Rest
from emr_jobs.contracts.reading import REPORT_COLUMNS, Plan, plan_of
from emr_jobs.core.errors import BadInput, Misconfigured, Remedy
from emr_jobs.core.partition import Partition
from emr_jobs.core.settings import RestConnection, Settings, SnowflakeConnection
from emr_jobs.domain import Domain, domain_of
from emr_jobs.sources.statement import Statement, statement_of

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Tried:
    source: str
    dataset: str
    columns: tuple[str, ...]  # without the partition's
    rows: Sequence[dict[str, Any]]  # that would be published
    rejected: Sequence[tuple[str, str]]  # reason, record
    misread: Counter[str]  # columns that are null because the value has a wrong type
    undeclared: Counter[str]  # fields, by path
    made: tuple[str, ...]  # columns that Spark makes of others

    @property
    def records(self) -> int:
        return len(self.rows) + len(self.rejected)


def tried(settings: Settings, name: str, *, partition: Partition, limit: int) -> Tried:
    """`name`: of a source, or of the dataset that is read of it by contract."""
    domain = domain_of(settings)
    job = _read_by_contract(domain, name)
    source, dataset = domain.contracts[job.inputs[0]], domain.contracts[job.outputs[-1]]
    plan = plan_of(dataset, source, job.picks)
    return _told(plan, source, dataset, _typed(settings, source, dataset, plan, partition, limit))


def _read_by_contract(domain: Domain, name: str) -> Job:
    """Raises Misconfigured naming what there is."""
    by_contract = [job for job in domain.jobs if job.body == BY_CONTRACT]
    for job in by_contract:
        if name in (job.inputs[0], job.outputs[-1]):
            return job
    known = ", ".join(sorted(job.inputs[0] for job in by_contract)) or "none"
    contract = domain.contracts.get(name)
    if contract is not None and contract.medium is Medium.SOURCE:
        readers = ", ".join(job.name for job in domain.jobs if name in job.inputs) or "no job"
        raise Misconfigured(f"{name}: read by {readers}, not by contract alone; there are {known}")
    raise Misconfigured(f"{name}: no source that is read by contract; there are {known}")


def _typed(
    settings: Settings, source: Contract, dataset: Contract, plan: Plan, partition: Partition, limit: int
) -> "pa.Table":
    """The plan's columns and the report's, a row a record."""
    import pyarrow as pa
    from emr_jobs.reading.record_reader import RecordReader

    match source.read:
        case Rest():
            records = _of_api(settings, source, partition, limit)
        case Files():
            records = _of_files(settings, source, partition, limit)
        case _:
            statement = statement_of(source, dataset, partition, folder=domain_of(settings).folder)
            return _of_table(settings, source, statement.first(limit), plan)
    return pa.Table.from_batches([RecordReader(plan, new_fields=NewFields.REPORT).read(records)])


def _of_api(settings: Settings, source: Contract, partition: Partition, limit: int) -> list[Any]:
    from emr_jobs.sources import rest

    assert isinstance(source.read, Rest), source.id
    connection = settings.connection(source.connection, RestConnection, source=source.id)
    return rest.first_records(connection, source.read, source=source.id, partition=partition, limit=limit)


def _of_files(settings: Settings, source: Contract, partition: Partition, limit: int) -> list[Any]:
    from emr_jobs.sources import files

    assert isinstance(source.read, Files), source.id
    pattern = files.pattern_of(settings, source, partition)
    listed = files.listed(pattern, dataset=source.id, partition=partition, allow_empty=True)
    if not listed:
        raise BadInput(
            dataset=source.id,
            partition=partition,
            expected=f"files in {pattern}",
            found="none (the folder is missing or empty)",
            fix="Compare the address with what is delivered, or try another day.",
            remedy=Remedy.NONE,
        )
    columns = [column.name for column in source.columns]
    return files.first_records(listed, source.read, source=source.id, partition=partition, limit=limit, columns=columns)


def _of_table(settings: Settings, source: Contract, statement: Statement, plan: Plan) -> "pa.Table":
    import pyarrow as pa
    from emr_jobs.reading.table_reader import typed_rows
    from emr_jobs.sources import snowflake

    connection = settings.connection(source.connection, SnowflakeConnection, source=source.id)
    partition = statement.partition
    shape = typed_rows(plan)
    tag = {"command": "pipeline source try", "partition": str(partition)}
    with snowflake.connection(connection, tag=tag, dataset=source.id, partition=partition) as opened:
        snowflake.require_columns(opened, [source], partition=partition)
        batches, _ = snowflake.run_statement(opened, statement)
        tables = [shape.make(snowflake.fetch(batch)) for batch in batches if batch.rowcount]
    return pa.concat_tables([shape.schema.empty_table(), *tables])


def _told(plan: Plan, source: Contract, dataset: Contract, typed: "pa.Table") -> Tried:
    records = typed.to_pylist()
    good = [record for record in records if record["reason"] is None]
    return Tried(
        source=source.id,
        dataset=dataset.id,
        columns=tuple(column.name for column in dataset.columns if column.name != PARTITION_COLUMN),
        rows=[{name: value for name, value in record.items() if name not in REPORT_COLUMNS} for record in good],
        rejected=[(record["reason"], record["raw"]) for record in records if record["reason"] is not None],
        misread=Counter(name for record in records for name in record["misread"] or ()),
        undeclared=Counter(name for record in records for name in record["unknown"] or ()),
        made=tuple(plan.derived),
    )
