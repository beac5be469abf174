"""The command that mends an error, for where it is read."""

import pytest
from typer.main import get_command

from emr_jobs.core import settings as settings_module
from emr_jobs.core.errors import BadInput, PipelineError, Remedy
from pipeline_assets.cli import app, run
from pipeline_assets.home import ROOT, deployment_settings
from pipeline_assets.remedies import (
    EMR,
    LOCAL,
    PRODUCTION,
    Place,
    command_noted,
    of_execution,
    place_of,
    what_to_select,
)
from tests import domains

DAY = "2026-11-22"
LOCALLY = settings_module.load(str(domains.LOCAL))


@pytest.mark.parametrize(
    ("place", "command", "upstream"),
    [
        (LOCAL, f"pipeline run --partition {DAY} --select staged.loans", " --with-upstream"),
        (EMR, f"pipeline run --partition {DAY} --select staged.loans --launcher emr", " --with-upstream"),
        (PRODUCTION, f"pipeline trigger --partition {DAY} --rerun", ""),
        (of_execution("x-1"), "pipeline trigger --resume x-1", ""),
    ],
)
def test_each_place_has_a_command_that_there_is(place: Place, command: str, upstream: str) -> None:
    said = {remedy: place.then(remedy, partition=DAY, select="staged.loans") for remedy in Remedy}
    assert place.command(DAY, "staged.loans") == command
    assert said[Remedy.RERUN] == f" To run it again: {command}"
    assert said[Remedy.UPSTREAM] == f" To run it again: {command}{upstream}"
    assert said[Remedy.NONE] == ""
    for each in (command, f"{command}{upstream}"):
        _, verb, *options = each.split()
        get_command(app).commands[verb].make_context(verb, options)  # type: ignore[attr-defined]


def test_settings_say_where_their_data_is_made() -> None:
    assert (place_of(LOCALLY), place_of(deployment_settings())) == (LOCAL, PRODUCTION)


@pytest.mark.parametrize(
    ("dataset", "remedy", "selected"),
    [
        ("staged.loans", Remedy.RERUN, "staged.loans"),
        ("http.reviews", Remedy.RERUN, "catalogue"),
        (None, Remedy.RERUN, "catalogue"),
        ("staged.loans", Remedy.UPSTREAM, "catalogue"),
    ],
    ids=["a dataset", "a source", "nothing", "an input that is missing"],
)
def test_what_is_run_again_is_the_dataset_or_the_job_that_failed(
    dataset: str | None, remedy: Remedy, selected: str
) -> None:
    assert what_to_select(domains.LIBRARY, remedy, dataset, otherwise="catalogue") == selected


def test_a_selection_brings_what_it_reads_when_asked_for() -> None:
    def jobs(*names: str) -> list[str]:
        return run.selected(domains.LIBRARY, names, with_upstream=True)

    every = [job.name for job in domains.LIBRARY.jobs]
    assert jobs("staged.loans") == ["extract_loans"]
    assert jobs("marts.lending") == jobs("extract_loans", "catalogue") == every
    assert run.selected(domains.LIBRARY, ["marts.lending"]) == ["catalogue"]


@pytest.mark.parametrize(
    ("partition", "notes"), [(DAY, [f"To run it again: {LOCAL.command(DAY, 'find.lending')}"]), (None, [])]
)
def test_a_verb_notes_the_command_of_an_error_that_is_about_a_day(partition: str | None, notes: list[str]) -> None:
    error = BadInput(
        dataset="find.lending", partition=partition, expected="x", found="y", fix="Do.", remedy=Remedy.RERUN
    )
    with pytest.raises(PipelineError) as raised, command_noted(LOCALLY):
        raise error
    assert getattr(raised.value, "__notes__", []) == notes


def test_no_error_of_a_job_holds_a_command_that_starts_a_run() -> None:
    """Jobs do not know who started them."""
    said = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "emr_jobs").rglob("*.py")
        for line in path.read_text().splitlines()
        if "pipeline run" in line or "pipeline trigger" in line
    }
    assert said == set()
