"""`pipeline rollback`, `pipeline lake rollback`: a day as an earlier run published it; says first what that changes."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from emr_jobs.core.errors import Misconfigured

from pipeline_assets.cli.output import (
    Json,
    SettingsOption,
    Yes,
    confirmed,
    console,
    errors,
    print_json,
    print_message,
    table,
)
from pipeline_assets.home import load_settings, settings_uri

if TYPE_CHECKING:
    from emr_jobs.core.partition import Partition
    from emr_jobs.core.settings import Settings

    from pipeline_assets.rollback import Plan, Side

Day = Annotated[str, typer.Option(help="The day, YYYY-MM-DD.")]


class DayIsRunning(Misconfigured):
    """Says by which execution, and what to type."""


def day(partition: Day, yes: Yes = False, settings: SettingsOption = None, json: Json = False) -> None:
    """Take a day back to the run before: final tables and search index together. No other day changes."""
    from emr_jobs.domain import domain_of

    from pipeline_assets.rollback import to_previous
    from pipeline_assets.search import index_of

    _take_back(
        partition,
        lambda values, found: to_previous(values, domain_of(values).job_of(index_of(values).id), found),
        yes=yes,
        settings=settings,
        json=json,
    )


def dataset(
    dataset: Annotated[str, typer.Argument(help="A table; the others of its job go with it.")],
    partition: Day,
    to: Annotated[str, typer.Option(help="A snapshot in which the day was right: pipeline lake history.")],
    yes: Yes = False,
    settings: SettingsOption = None,
    json: Json = False,
) -> None:
    """Take a dataset's day, with all of its job, back to the run that a snapshot shows. No other day changes."""
    from pipeline_assets import lake
    from pipeline_assets.rollback import to_snapshot

    if not to.isdecimal():
        raise typer.BadParameter(f"--to takes a snapshot's number: pipeline lake history {dataset}")
    _take_back(
        partition,
        lambda values, found: to_snapshot(values, lake.table_contract(values, dataset), found, int(to)),
        yes=yes,
        settings=settings,
        json=json,
    )


def _take_back(
    partition: str,
    planned: "Callable[[Settings, Partition], Plan]",
    *,
    yes: bool,
    settings: str | None,
    json: bool,
) -> None:
    from emr_jobs.domain import domain_of

    uri = settings_uri(settings)
    values = load_settings(uri)
    found = domain_of(values).calendar.partition(partition).check(now=datetime.now(UTC))
    with errors().status("looking at what is kept"):
        _refuse_running(values, found)
        plan = planned(values, found)
    if not json:
        _show(plan)
    if plan.is_done:
        _end(plan, values, json=json, done=False)
        return
    if not confirmed(f"Take {found} back?", yes=yes):
        errors().print("nothing was changed")
        raise typer.Exit(1)
    _run(plan, values, uri, quiet=json)
    _end(plan, values, json=json, done=True)


def _refuse_running(values: "Settings", partition: "Partition") -> None:
    """The fences would decide it, and one of the two would have worked in vain."""
    from emr_jobs.core.settings import of_a_deployment

    from pipeline_assets.production.running.executions import Executions

    if values.production is None:
        return
    if running := Executions(of_a_deployment(values)).running(partition):
        raise DayIsRunning(f"{partition} is being run by {running}. End it first: pipeline abort {running}")


def _run(plan: "Plan", values: "Settings", uri: str, *, quiet: bool) -> None:
    from emr_jobs.catalog import ROLLBACK

    from pipeline_assets.cli import programs
    from pipeline_assets.command import job_arguments

    def arguments(settings: str, run_id: str, messages: str) -> Sequence[str]:
        of_every_job = job_arguments(
            plan.job,
            partition=("--partition", str(plan.partition)),
            settings=settings,
            run_id=run_id,
            attempt="0",
            allow_empty=plan.is_empty,
            reports=("--messages", messages),
        )
        return [*of_every_job, "--to", plan.version]

    programs.run(ROLLBACK, arguments, values, uri, reports_as=plan.job.name, quiet=quiet)


def _show(plan: "Plan") -> None:
    rows = [
        (each.dataset, each.now.rows, each.then.rows, _publisher(each.now), _publisher(each.then))
        for each in plan.changes
    ]
    columns = ("dataset", "rows now", "rows then", "run now", "run then")
    console().print(table(columns, rows, right=("rows now", "rows then")))


def _publisher(side: "Side") -> str:
    from emr_jobs.publish.versions import publisher

    return publisher(side.version) if side.version else "not on record"


def _end(plan: "Plan", values: "Settings", *, json: bool, done: bool) -> None:
    if json:
        print_json(
            {
                "partition": str(plan.partition),
                "version": plan.version,
                "changed": done,
                "datasets": {each.dataset: {"now": vars(each.now), "then": vars(each.then)} for each in plan.changes},
                "outdated": plan.outdated,
                "newer_inputs": plan.newer,
            }
        )
        return
    print_message(
        console(), f"\n{plan.partition} is taken back" if done else f"\n{plan.partition} is that run's already"
    )
    if plan.newer:
        print_message(console(), f"what it was computed from has been published again since: {', '.join(plan.newer)}")
    for job, read in plan.outdated.items():
        again = (
            f"pipeline trigger --partition {plan.partition} --only {job} --rerun"
            if values.production
            else f"pipeline run --partition {plan.partition} --select {job}"
        )
        print_message(console(), f"{job} was computed from another version of {', '.join(read)}: {again}")
