"""The command that an error's remedy stands for, made for the place where the error is read. Pure.

Does not own: which error needs which (emr_jobs), what else there is to do (the error's own sentence).
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from emr_jobs.core.errors import Misconfigured, PipelineError, Remedy
from emr_jobs.core.settings import Settings
from emr_jobs.domain import Domain, domain_of


@dataclass(frozen=True)
class Place:
    """Where jobs are started by this command, with {partition} and {select} in it."""

    again: str

    def command(self, partition: str, select: str) -> str:
        return self.again.format(partition=partition, select=select)

    def then(self, remedy: Remedy, *, partition: str, select: str) -> str:
        """What follows the error's sentence: nothing for an error that needs nothing started."""
        return "" if remedy is Remedy.NONE else f" To run it again: {self.command(partition, select)}"


LOCAL = Place("pipeline run --partition {partition} --select {select}")
EMR = Place(f"{LOCAL.again} --launcher emr")
PRODUCTION = Place("pipeline trigger --partition {partition} --rerun")  # a day, whichever execution made it


def of_execution(name: str) -> Place:
    return Place(f"pipeline trigger --resume {name}")


def place_of(settings: Settings) -> Place:
    """Where the data of these settings is made."""
    return LOCAL if settings.production is None else PRODUCTION


def what_to_select(found: Domain, dataset: str | None, *, otherwise: str) -> str:
    """An error can be about a source, of which there is no job."""
    return dataset if dataset in found.published else otherwise


@contextmanager
def command_noted(settings: Settings) -> Iterator[None]:
    """An error of the body gets its command as a note, for the verb that prints it. One about no day has none."""
    try:
        yield
    except PipelineError as error:
        with suppress(Misconfigured):
            day = str(domain_of(settings).calendar.partition(error.partition or ""))
            error.add_note(place_of(settings).then(error.remedy, partition=day, select=error.dataset).strip())
        raise
