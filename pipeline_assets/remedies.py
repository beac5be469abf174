"""The command that an error's remedy stands for, made for the place where the error is read. Pure.

Does not own: which error needs which (emr_jobs), what else there is to do (the error's own sentence).
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emr_jobs.core.errors import Misconfigured, PipelineError, Remedy

if TYPE_CHECKING:
    from emr_jobs.core.settings import Settings
    from emr_jobs.domain import Domain


@dataclass(frozen=True)
class Place:
    """Where jobs are started by this command, with {partition} and {select} in it."""

    again: str
    upstream: str = ""  # what makes the command run what the job reads, too; nothing where it always does

    def command(self, partition: str, select: str) -> str:
        return self.again.format(partition=partition, select=select)

    def then(self, remedy: Remedy, *, partition: str, select: str) -> str:
        """What follows the error's sentence: nothing for an error that needs nothing started."""
        if remedy is Remedy.NONE:
            return ""
        more = self.upstream if remedy is Remedy.UPSTREAM else ""
        return f" To run it again: {self.command(partition, select)}{more}"


WITH_UPSTREAM = "--with-upstream"
LOCAL = Place("pipeline run --partition {partition} --select {select}", f" {WITH_UPSTREAM}")
EMR = Place(f"{LOCAL.again} --launcher emr", LOCAL.upstream)
PRODUCTION = Place("pipeline trigger --partition {partition} --rerun")  # a day, whichever execution made it


def of_execution(name: str) -> Place:
    return Place(f"pipeline trigger --resume {name}")


def place_of(settings: "Settings") -> Place:
    """Where the data of these settings is made."""
    return LOCAL if settings.production is None else PRODUCTION


def what_to_select(found: "Domain", remedy: Remedy, dataset: str | None, *, otherwise: str) -> str:
    """An error can be about a source, of which there is no job, and about what the job should have found."""
    return dataset if dataset in found.published and remedy is not Remedy.UPSTREAM else otherwise


@contextmanager
def command_noted(settings: "Settings") -> Iterator[None]:
    """An error of the body gets its command as a note, for the verb that prints it. One about no day has none."""
    from emr_jobs.domain import domain_of

    try:
        yield
    except PipelineError as error:
        with suppress(Misconfigured):
            day = str(domain_of(settings).calendar.partition(error.partition or ""))
            error.add_note(place_of(settings).then(error.remedy, partition=day, select=error.dataset).strip())
        raise
