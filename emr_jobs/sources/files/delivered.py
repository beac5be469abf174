"""The files that were delivered for a day, or what is wrong with the folder. No file is opened.

Does not own: which names a pattern matches (listing). Invariant: a missing or empty folder and a file of no bytes are
errors, never fewer rows.
"""

from emr_jobs.core.errors import BadInput, Remedy, samples
from emr_jobs.core.partition import Partition
from emr_jobs.sources.files.listing import File, listing
from emr_jobs.sources.files.refusals import refusals


def listed(pattern: str, *, dataset: str, partition: Partition, allow_empty: bool) -> list[File]:
    """The files that match; none has 0 bytes."""
    with refusals(pattern, dataset=dataset, partition=partition):
        files = listing(pattern)
    hollow = [file.name.rpartition("/")[2] for file in files if file.size_bytes == 0]
    if hollow:
        raise BadInput(
            dataset=dataset,
            partition=partition,
            expected=f"no empty object in {pattern}",
            found=f"{len(hollow)} of {len(files)} with 0 bytes{samples(hollow)}",
            fix="Deliver them again.",
            remedy=Remedy.RERUN,
        )
    if not files and not allow_empty:
        raise nothing_delivered(pattern, dataset=dataset, partition=partition)
    return files


def nothing_delivered(pattern: str, *, dataset: str, partition: Partition) -> BadInput:
    return BadInput(
        dataset=dataset,
        partition=partition,
        expected=f"files in {pattern}",
        found="none (the folder is missing or empty)",
        fix="Deliver the day.",
        remedy=Remedy.ALLOW_EMPTY,
    )
