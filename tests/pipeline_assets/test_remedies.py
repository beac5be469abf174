"""The command that mends an error, for where it is read."""

import pytest
from typer.main import get_command

from emr_jobs.core import settings as settings_module
from emr_jobs.core.errors import BadInput, PipelineError, Remedy
from pipeline_assets.cli import app
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
    ("place", "command"),
    [
        (LOCAL, f"pipeline run --partition {DAY} --select staged.loans"),
        (EMR, f"pipeline run --partition {DAY} --select staged.loans --launcher emr"),
        (PRODUCTION, f"pipeline trigger --partition {DAY} --rerun"),
        (of_execution("x-1"), "pipeline trigger --resume x-1"),
    ],
)
def test_each_place_has_a_command_that_there_is(place: Place, command: str) -> None:
    assert place.command(DAY, "staged.loans") == command
    assert place.then(Remedy.RERUN, partition=DAY, select="staged.loans") == f" To run it again: {command}"
    assert place.then(Remedy.NONE, partition=DAY, select="staged.loans") == ""
    _, verb, *options = command.split()
    get_command(app).commands[verb].make_context(verb, options)  # type: ignore[attr-defined]


def test_settings_say_where_their_data_is_made() -> None:
    assert (place_of(LOCALLY), place_of(deployment_settings())) == (LOCAL, PRODUCTION)


def test_what_no_job_publishes_is_made_by_the_job_that_failed() -> None:
    assert what_to_select(domains.LIBRARY, "staged.loans", otherwise="extract_loans") == "staged.loans"
    assert what_to_select(domains.LIBRARY, "http.reviews", otherwise="extract_reviews") == "extract_reviews"
    assert what_to_select(domains.LIBRARY, None, otherwise="catalogue") == "catalogue"


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
