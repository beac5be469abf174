"""A job's run as OpenLineage events: from contracts, settings and what the job reported. Pure.

Four events of a job that reports: it started, its checks started and were evaluated, it ended. Checks are a run of
their own, `<job>.checks`, since the standard has assertions on inputs only, and a job that reads what it writes would
be a circle. Equal facts give equal events, ids included. Does not own: where they go (emit), datasets' names (names).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, UUID, uuid5

from emr_jobs.catalog import Job
from emr_jobs.contracts import Check, Column, Contract, Medium, Severity
from emr_jobs.contracts.table import spark_type
from emr_jobs.core.partition import Partition
from emr_jobs.core.settings import Settings
from emr_jobs.domain import Domain, domain_of
from emr_jobs.frame.report import MESSAGE_SIZE

from pipeline_assets.lineage.names import Name, name_in_catalog, name_of

if TYPE_CHECKING:
    from openlineage.client.event_v2 import InputDataset, OutputDataset, RunEvent

PRODUCER = "urn:pipeline-assets"
DAY = "daily"  # the job that the day's jobs are of
_SEVERITY = {Severity.ERROR: "error", Severity.WARNING: "warn"}


@dataclass(frozen=True)
class Occurrence:
    """One attempt of a job: of a run of Dagster, or of an execution of production."""

    job: Job
    partition: Partition
    run_id: str
    attempt: int

    @property
    def id(self) -> str:
        return self._derived("")

    @property
    def checks_id(self) -> str:
        return self._derived("/checks")

    @property
    def day_id(self) -> str:
        """Of the run: its own where that is a UUID, as Dagster's are."""
        try:
            return str(UUID(self.run_id))
        except ValueError:
            return str(uuid5(NAMESPACE_URL, f"{PRODUCER}/{self.run_id}"))

    def _derived(self, part: str) -> str:
        return str(uuid5(NAMESPACE_URL, f"{PRODUCER}/{self.run_id}/{self.job.name}/{self.attempt}{part}"))


@dataclass(frozen=True)
class Published:
    """What the job said of a dataset that it published."""

    version: str
    rows: int | None = None
    size_bytes: int | None = None
    files: int | None = None


@dataclass(frozen=True)
class Evaluated:
    """How a check went."""

    dataset: str
    check: Check
    passed: bool
    expected: str | None
    found: str | None


@dataclass(frozen=True)
class Reported:
    published: Mapping[str, Published] = field(default_factory=dict)  # by dataset
    checks: tuple[Evaluated, ...] = ()


def started(settings: Settings, occurrence: Occurrence, at: datetime) -> "RunEvent":
    from openlineage.client.event_v2 import RunState, set_producer

    set_producer(PRODUCER)  # of the facets that this process makes from now on
    return _event(settings, occurrence, RunState.START, at, _inputs(settings, occurrence.job), [], failure=None)


def ended(
    settings: Settings,
    occurrence: Occurrence,
    at: datetime,
    reported: Reported,
    *,
    failure: str | None = None,
    cancelled: bool = False,
) -> "Iterator[RunEvent]":
    """That of the job's end last. `failure`: the sentence that the run failed with."""
    from openlineage.client.event_v2 import RunState, set_producer

    set_producer(PRODUCER)
    if reported.checks:
        checked = list(_checked(settings, reported.checks))
        for state in (RunState.START, RunState.COMPLETE):
            yield _event(settings, occurrence, state, at, checked, [], failure=None, checks=True)
    state = RunState.ABORT if cancelled else RunState.FAIL if failure else RunState.COMPLETE
    contracts = domain_of(settings).contracts
    outputs = [_output(settings, contracts[name], reported.published.get(name)) for name in occurrence.job.outputs]
    yield _event(settings, occurrence, state, at, _inputs(settings, occurrence.job), outputs, failure=failure)


def namespace(settings: Settings) -> str:
    """Of jobs: the deployment's name, or the domain's."""
    return settings.production.name if settings.production else settings.domain


def _event(
    settings: Settings,
    occurrence: Occurrence,
    state: Any,
    at: datetime,
    inputs: "list[InputDataset]",
    outputs: "list[OutputDataset]",
    *,
    failure: str | None,
    checks: bool = False,
) -> "RunEvent":
    from openlineage.client import event_v2
    from openlineage.client.facet_v2 import error_message_run, job_type_job, nominal_time_run, ownership_job, parent_run

    job, partition, found = occurrence.job, occurrence.partition, domain_of(settings)
    within = namespace(settings)
    run_facets: dict[str, Any] = {
        "nominalTime": nominal_time_run.NominalTimeRunFacet(_instant(partition.start), _instant(partition.end)),
        "parent": parent_run.ParentRunFacet(parent_run.Run(occurrence.day_id), parent_run.Job(within, DAY)),
    }
    if failure:
        # The sentence; what follows it, such as the end of a log, is no fact for others.
        said = failure.splitlines()[0][:MESSAGE_SIZE]
        run_facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(said, "PYTHON")
    owners = dict.fromkeys(found.contracts[output].owner for output in job.outputs)
    job_facets: dict[str, Any] = {
        "jobType": job_type_job.JobTypeJobFacet("BATCH", "SPARK", "JOB"),
        "ownership": ownership_job.OwnershipJobFacet([ownership_job.Owner(f"team:{owner}") for owner in owners]),
    }
    return event_v2.RunEvent(
        eventTime=_instant(at),
        eventType=state,
        producer=PRODUCER,
        run=event_v2.Run(occurrence.checks_id if checks else occurrence.id, run_facets),
        job=event_v2.Job(within, f"{job.name}.checks" if checks else job.name, job_facets),
        inputs=inputs,
        outputs=outputs,
    )


def _inputs(settings: Settings, job: Job) -> "list[InputDataset]":
    from openlineage.client.event_v2 import InputDataset

    contracts = domain_of(settings).contracts
    names = [name_of(contracts[name], settings) for name in job.inputs]
    return [
        InputDataset(named.namespace, named.name, facets=_facets(settings, contracts[dataset]))
        for dataset, named in zip(job.inputs, names, strict=True)
    ]


def _output(settings: Settings, contract: Contract, published: Published | None) -> "OutputDataset":
    from openlineage.client.event_v2 import OutputDataset
    from openlineage.client.facet_v2 import dataset_version_dataset, output_statistics_output_dataset

    named, facets = name_of(contract, settings), _facets(settings, contract)
    facets["columnLineage"] = _column_lineage(settings, contract)
    if published is None:
        return OutputDataset(named.namespace, named.name, facets=facets)
    facets["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(published.version)
    counted = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
        rowCount=published.rows, size=published.size_bytes, fileCount=published.files
    )
    return OutputDataset(named.namespace, named.name, facets=facets, outputFacets={"outputStatistics": counted})


def _checked(settings: Settings, checks: Iterable[Evaluated]) -> "Iterator[InputDataset]":
    """Each dataset with its checks."""
    from openlineage.client.event_v2 import InputDataset
    from openlineage.client.facet_v2 import data_quality_assertions_dataset as quality

    by_dataset: dict[str, list[Evaluated]] = {}
    for each in checks:
        by_dataset.setdefault(each.dataset, []).append(each)
    for dataset, evaluated in by_dataset.items():
        contract = domain_of(settings).contracts[dataset]
        named = name_of(contract, settings)
        assertions = [
            quality.Assertion(
                assertion=type(each.check.rule).__name__,
                success=each.passed,
                severity=_SEVERITY[each.check.severity],
                name=each.check.name,
                description=each.check.description,
                expected=each.expected,
                actual=each.found,
            )
            for each in evaluated
        ]
        facet = quality.DataQualityAssertionsDatasetFacet(assertions)
        yield InputDataset(
            named.namespace,
            named.name,
            facets=_facets(settings, contract),
            inputFacets={"dataQualityAssertions": facet},
        )


def _facets(settings: Settings, contract: Contract) -> dict[str, Any]:
    """What its contract says of a dataset."""
    from openlineage.client.facet_v2 import (
        documentation_dataset,
        ownership_dataset,
        schema_dataset,
        storage_dataset,
        symlinks_dataset,
    )

    owner = ownership_dataset.Owner(f"team:{contract.owner}")
    facets: dict[str, Any] = {
        "schema": schema_dataset.SchemaDatasetFacet([_field(column, contract) for column in contract.columns]),
        "documentation": documentation_dataset.DocumentationDatasetFacet(contract.description),
        "ownership": ownership_dataset.OwnershipDatasetFacet([owner]),
    }
    if contract.medium is Medium.TABLE:
        named = name_in_catalog(contract, settings)
        symlink = symlinks_dataset.Identifier(named.namespace, named.name, "TABLE")
        facets["symlinks"] = symlinks_dataset.SymlinksDatasetFacet([symlink])
        facets["storage"] = storage_dataset.StorageDatasetFacet("iceberg", "parquet")
    return facets


def _field(column: Column, contract: Contract) -> Any:
    from openlineage.client.facet_v2 import schema_dataset

    kind = spark_type(column) if contract.medium is Medium.TABLE else column.physical_type or column.logical_type
    fields = [_field(each, contract) for each in column.fields]
    return schema_dataset.SchemaDatasetFacetFields(
        name=column.name, type=kind, description=column.description, fields=fields
    )


def _column_lineage(settings: Settings, contract: Contract) -> Any:
    """Of every column; one that no column of another dataset is in, as the day, has no inputs."""
    from openlineage.client.facet_v2 import column_lineage_dataset as lineage

    found = domain_of(settings)
    fields = {
        column.name: lineage.Fields(
            [
                lineage.InputField(named.namespace, named.name, source)
                for named, source in _sources(settings, found, column)
            ]
        )
        for column in contract.columns
    }
    return lineage.ColumnLineageDatasetFacet(fields)


def _sources(settings: Settings, found: Domain, column: Column) -> Iterator[tuple[Name, str]]:
    for dataset, source in column.lineage:
        upstream = found.contracts[dataset]
        for each in [source] if source is not None else [each.name for each in upstream.columns]:
            yield name_of(upstream, settings), each


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
