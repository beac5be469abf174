"""How many records each file gave: the rows in which workers tell it, and their comparison with the listing.

A report has null in every column but its own: file, its place in the listing, with records, 0 included, or with the
error that a person reads. A record has null in these. Invariant: a file that was not read once is an error.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from emr_jobs.core.errors import Misconfigured, PipelineError, Remedy, Unavailable
from emr_jobs.core.partition import Partition
from emr_jobs.sources.arrow import packed, unpacked
from emr_jobs.sources.files.listing import File

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import Row

REPORT_COLUMNS = ("file", "records", "error")


def with_report(schema: "pa.Schema", *, source: str) -> "pa.Schema":
    """Every column may be null: a report has none of the others."""
    import pyarrow as pa

    if taken := sorted({*REPORT_COLUMNS} & {*schema.names}):
        raise Misconfigured(f"{source}: a column has the name {taken[0]}, which the report of a file has")
    nullable = [field.with_nullable(True) for field in schema]
    types = (pa.int32(), pa.int64(), pa.string())
    return pa.schema([*nullable, *(pa.field(*column) for column in zip(REPORT_COLUMNS, types, strict=True))])


def of_records(batch: "pa.RecordBatch", schema: "pa.Schema") -> "pa.RecordBatch":
    """The batch in the columns of `schema`, which it has but for the report."""
    import pyarrow as pa

    count = len(REPORT_COLUMNS)
    columns = batch.select(schema.names[:-count]).columns
    return pa.RecordBatch.from_arrays(
        [*columns, *(pa.nulls(len(batch), type_) for type_ in schema.types[-count:])], schema=schema
    )


def of_file(
    schema: "pa.Schema", *, file: int, records: int | None = None, error: PipelineError | None = None
) -> "pa.RecordBatch":
    import pyarrow as pa

    told = {"file": file, "records": records, "error": None if error is None else packed(error)}
    return pa.RecordBatch.from_pylist([told], schema)


def require_whole(
    reports: Sequence["Row"], files: Sequence[File], rows: int, *, dataset: str, partition: Partition
) -> dict[str, int]:
    """Records by file, all `rows` of them. `reports`: the rows of files. Raises what the workers met."""
    for report in reports:
        if report["error"] is not None:
            raise unpacked(report["error"], dataset=dataset, partition=partition)
    read = sorted(report["file"] for report in reports)
    counted = sum(report["records"] for report in reports)
    if read != list(range(len(files))) or counted != rows:
        raise Unavailable(
            dataset=dataset,
            partition=partition,
            expected=f"each of {len(files)} files to be read once",
            found=f"reports of {len(read)} with {counted} records, and {rows} records",
            fix="If it happens again, it is a fault of the pipeline.",
            remedy=Remedy.RERUN,
        )
    return {files[report["file"]].name: report["records"] for report in reports}
