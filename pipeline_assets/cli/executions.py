"""`pipeline trigger`, `runs`, `show`, `abort`: executions of the deployed daily run."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from emr_jobs.core.errors import REASON_CHARS, Misconfigured, cut
from rich.text import Text

from pipeline_assets.cli import describe
from pipeline_assets.cli.output import Json, console, errors, print_json, print_message, table
from pipeline_assets.cli.synth import DeploymentOption
from pipeline_assets.deployment import deployment
from pipeline_assets.home import deployment_settings

if TYPE_CHECKING:
    from emr_jobs.core.partition import Partition
    from emr_jobs.core.settings import DeploymentSettings

    from pipeline_assets.production.running.executions import Execution, Executions, JobProgress

Run = Annotated[str, typer.Argument(help="Name of the execution, or its beginning: pipeline runs.")]
COLOURS = {"succeeded": "green", "failed": "red"}  # of a job's status


class DayIsTaken(Misconfigured):
    """Says by which execution, and what to type."""


def trigger(
    partition: Annotated[str | None, typer.Option(help="The day, YYYY-MM-DD.")] = None,
    only: Annotated[list[str] | None, typer.Option(help="This job and no other; repeat for several.")] = None,
    from_: Annotated[str | None, typer.Option("--from", help="This job and all that read what comes of it.")] = None,
    resume: Annotated[
        str | None, typer.Option(help="The jobs that this execution, or the one that begins so, has not ended.")
    ] = None,
    rerun: Annotated[bool, typer.Option("--rerun", help="Also when the day is published.")] = False,
    allow_empty: Annotated[bool, typer.Option("--allow-empty", help="A day without rows is right this once.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Until it has ended; exit code 1 unless it SUCCEEDED.")] = False,
    settings: DeploymentOption = None,
    json: Json = False,
) -> None:
    """Start the daily run of one day in production."""
    from pipeline_assets.production.running.executions import Executions

    if (partition is None) == (resume is None):
        raise typer.BadParameter("give either --partition or --resume")
    if len([each for each in (only, from_, resume) if each]) > 1:
        raise typer.BadParameter("give one of --only, --from and --resume")
    made = deployment(deployment_settings(settings))
    jobs = [job.name for job in made.plan.jobs]
    unknown = [each for each in [*(only or []), *([from_] if from_ else [])] if each not in jobs]
    if unknown:
        raise typer.BadParameter(f"no job {', '.join(unknown)}; there are {', '.join(jobs)}")
    with errors().status("asking the guard"):
        executions = Executions(made.settings)
        if resume:
            day, wanted, allowed = _rest_of(executions, resume, jobs)
            allow_empty = allow_empty or allowed
        else:
            day = _day(partition or "", made.settings)
            wanted = tuple(only or ()) or (tuple(job.name for job in made.plan.downstream(from_)) if from_ else ())
        _refuse_taken(executions, day, rerun=rerun)
        name = executions.start(day, only=wanted, rerun=rerun, allow_empty=allow_empty)
    if json and not wait:
        print_json({"run": name, "partition": str(day), "only": list(wanted)})
        return
    if not json:
        console().print(f"started   {name}\npartition {day}\njobs      {', '.join(wanted or jobs)}")
        console().print(f"watch it  pipeline show {name}")
    if wait:
        _wait(made.settings, executions, name, json=json)


def _wait(values: "DeploymentSettings", executions: "Executions", name: str, *, json: bool) -> None:
    from pipeline_assets.production.running.waiting import progress

    try:
        for line in progress(executions, name, poll_interval_s=values.emr.poll_interval_s):
            if not json:
                said = (line.says, COLOURS.get(line.status, ""))
                console().print(Text.assemble(line.at, " ", f"{line.job:<18}", said))
    except KeyboardInterrupt:
        errors().print(f"it goes on: pipeline show {name}")
        raise
    execution = executions.find(name)
    if not json:
        console().print()
    _show(values, executions, execution, json=json)
    if not execution.has_succeeded:
        raise typer.Exit(1)


def _day(text: str, values: "DeploymentSettings") -> "Partition":
    from emr_jobs.domain import domain_of

    return domain_of(values).calendar.partition(text).check(now=datetime.now(UTC))


def _rest_of(executions: "Executions", name: str, jobs: list[str]) -> "tuple[Partition, tuple[str, ...], bool]":
    """Day of the execution, what it was asked for and has not finished, and whether an empty day was right."""
    from pipeline_assets.production.running.executions import to_resume

    execution = executions.begins(name)
    wanted = to_resume(executions.jobs(execution), execution.given.get("only", jobs))
    if not wanted:
        raise typer.BadParameter(
            f"{execution.name} has brought all its jobs to an end. Once more: --partition {execution.partition} --rerun"
        )
    return execution.partition, wanted, execution.given.get("allow_empty") is True


def _refuse_taken(executions: "Executions", day: "Partition", *, rerun: bool) -> None:
    """The guard would refuse it too, a cluster's start later than a person looks; it still decides a race."""
    from pipeline_assets.production.generate import guard

    claim = executions.claim_of(day)
    if claim.get("status") == guard.DayStatus.RUNNING:
        raise DayIsTaken(f"{day} is being run by {claim['execution']}. Look at it: pipeline show {claim['execution']}")
    if claim.get("status") == guard.DayStatus.PUBLISHED and not rerun:
        raise DayIsTaken(
            f"{day} is published by {claim['execution']}. Once more: pipeline trigger --partition {day} --rerun"
        )


def runs(
    count: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 20,
    settings: DeploymentOption = None,
    json: Json = False,
) -> None:
    """The latest executions."""
    from pipeline_assets.production.running.executions import Executions

    with errors().status("asking Step Functions"):
        found = Executions(deployment_settings(settings)).latest(count)
    if json:
        print_json([_as_json(each) for each in found])
        return
    if not found:
        console().print("no execution yet. Start one: pipeline trigger --partition P")
        return
    _list(found)
    console().print(f"\nhow one went: pipeline show {found[0].name}")


def _list(found: "list[Execution]") -> None:
    rows = [
        (
            each.name,
            each.partition_key,
            each.trigger,
            each.status,
            f"{each.started_at:%Y-%m-%d %H:%M:%S}",
            _took(each),
            each.error,
        )
        for each in found
    ]
    columns = ("run", "partition", "trigger", "status", "started", "took", "error")
    console().print(table(columns, rows, right=("took",)))


TABLES = "tables"  # no execution's name: those are hexadecimal


def show(
    run: Annotated[
        str | None, typer.Argument(help="Name of the execution, or its beginning: pipeline runs. Or: tables.")
    ] = None,
    partition: Annotated[
        str | None, typer.Option(help="The executions of this day, and how the one went that has it.")
    ] = None,
    settings: DeploymentOption = None,
    json: Json = False,
) -> None:
    """How each job of an execution went, why it failed, what to type.

    `show tables`: every table and index with its latest day; of the running stack, unless --settings says another.
    """
    if run == TABLES:
        if partition:
            raise typer.BadParameter("show tables: of every table its latest day, and no --partition")
        describe.tables(settings, json=json)
        return
    from pipeline_assets.production.running.executions import Executions

    if (run is None) == (partition is None):
        raise typer.BadParameter("give either the name of an execution or --partition")
    values = deployment_settings(settings)
    with errors().status("asking Step Functions"):
        executions = Executions(values)
        found = executions.of_partition(_day(partition, values)) if partition else [executions.begins(run or "")]
        if not found:
            raise Misconfigured(f"{partition}: no execution. Start one: pipeline trigger --partition {partition}")
        holder = executions.claim_of(found[0].partition).get("execution") if partition else None
    execution = next((each for each in found if each.name == holder), found[0])  # else the latest
    if partition and not json:
        _list(found)
        console().print()
    of_partition = {"executions": [each.name for each in found]} if partition else {}
    _show(values, executions, execution, json=json, more=of_partition)


def _show(
    values: "DeploymentSettings",
    executions: "Executions",
    execution: "Execution",
    *,
    json: bool,
    more: "dict[str, list[str]] | None" = None,
) -> None:
    """`more` goes into the JSON."""
    from pipeline_assets.production.running.executions import progress_of_jobs, refused_calls
    from pipeline_assets.production.running.failures import CAUSE_CHARS

    run, found = execution.name, executions.domain
    with errors().status("asking Step Functions"):
        history = executions.history(execution)
        jobs = [each for each in progress_of_jobs(history, found) if each.job in found.jobs or each.attempts]
        cluster_id = executions.cluster(run)
        cluster = _cluster(cluster_id) if cluster_id else None
        claim = executions.claim_of(execution.partition) if execution.partition_key else {}
        why = _why(values, run, jobs, cluster_id)
    if json:
        went = [
            {
                "job": each.job.name,
                "status": _status(each, execution),
                "attempts": each.attempts,
                "why": why.get(each.job.name),
            }
            for each in jobs
        ]
        said = {**_as_json(execution), "cluster": cluster_id, "day": claim, "jobs": went}
        print_json({**said, "refused": refused_calls(history, found), **(more or {})})
        return
    facts = [
        ("partition", execution.partition_key or "none: its input has no scheduled time"),
        ("status", execution.status),
        ("started", f"{execution.started_at:%Y-%m-%d %H:%M:%S %Z}"),
        ("took", _took(execution)),
        ("cluster", cluster or "none"),
        ("day", _claim_says(claim, run)),
    ]
    console().print(table(("run", run), facts))
    console().print()
    rows = [(each.job.name, _status(each, execution), each.attempts, ", ".join(each.job.outputs)) for each in jobs]
    console().print(table(("job", "status", "attempts", "datasets"), rows, right=("attempts",)))
    if execution.error:
        _say(execution.error, execution.cause)  # what the topic was told
    for reason, of in _together(why):
        if not _is_told(reason, of, execution):
            _say(", ".join(of), reason)
    for state, refusal in refused_calls(history, found).items():
        _say(state, cut(refusal, CAUSE_CHARS))
    _what_to_type(execution, jobs, claim)


def abort(run: Run, settings: DeploymentOption = None, json: Json = False) -> None:
    """Stop an execution and end its cluster."""
    from pipeline_assets.production.running.executions import Executions

    with errors().status("stopping"):
        executions = Executions(deployment_settings(settings))
        execution = executions.begins(run)
        run, was = execution.name, execution
        cluster = executions.abort(run)
    if json:
        print_json({"run": run, "was": was.status, "cluster": cluster})
        return
    console().print(f"stopped {run}" if was.is_running else f"{run} had ended before: {was.status}")
    console().print(f"cluster {cluster} is ending" if cluster else "it has recorded no cluster")
    if not was.has_succeeded:
        console().print(f"\nwhen the reaper has freed the day: pipeline trigger --resume {run}")


def _cluster(cluster_id: str) -> str:
    """Its id, its state and EMR's reason: of a cluster that does not come up, the jobs know nothing."""
    from botocore.exceptions import ClientError

    from pipeline_assets.emr import clusters

    try:
        found = clusters.describe(clusters.client(), cluster_id)
    except ClientError:  # EMR forgets a cluster after two months
        return cluster_id
    return f"{cluster_id} {found.state}{f', {found.reason}' if found.reason else ''}"


def _why(values: "DeploymentSettings", run: str, jobs: "list[JobProgress]", cluster: str | None) -> dict[str, str]:
    """By job, of each that has failed, or failed once and runs again."""
    from pipeline_assets.production.apply.deploy import deployed
    from pipeline_assets.production.apply.stacks import Stacks
    from pipeline_assets.production.running.failures import why

    failed = [each for each in jobs if each.cause and not each.has_succeeded]
    stack = Stacks().find(values.production.name) if failed else None
    if stack is None:
        return {}
    filled = deployed(values, stack)
    emr = filled.emr.model_copy(update={"log_wait_s": 0})
    return {each.job.name: why(each, run=run, cluster=cluster, runs_uri=filled.runs.uri, emr=emr) for each in failed}


def _is_told(reason: str, jobs: list[str], execution: "Execution") -> bool:
    """Whether what the topic was told has the jobs' sentence whole."""
    whole = len(reason) <= REASON_CHARS and "\n" not in reason
    return whole and all(f"{job}: " in execution.cause for job in jobs)


def _together(why: dict[str, str]) -> list[tuple[str, list[str]]]:
    """A reason once, with all jobs that have it."""
    return [(reason, [job for job, each in why.items() if each == reason]) for reason in dict.fromkeys(why.values())]


def _say(who: str, what: str) -> None:
    console().print(f"\n[bold]{who}[/]")
    print_message(console(), what.strip())


def _status(went: "JobProgress", execution: "Execution") -> str:
    """A job that ran when its execution was ended has no end in the history."""
    return "stopped" if went.is_running and not execution.is_running else went.status


def _claim_says(claim: dict[str, str], run: str) -> str:
    """Who has the day, and, where that is another one, whose rows readers have."""
    if not claim:
        return "not claimed"
    by = claim.get("published_by", claim["execution"])
    readers = "" if by == claim["execution"] else f"; readers have that of {_whose(by, run)}"
    return f"{claim['status']}, by {_whose(claim['execution'], run)}{readers}"


def _whose(execution: str, run: str) -> str:
    return "this run" if execution == run else execution


def _what_to_type(execution: "Execution", jobs: "list[JobProgress]", claim: dict[str, str]) -> None:
    from emr_jobs.catalog import MAINTAIN

    from pipeline_assets.production.generate import guard
    from pipeline_assets.production.generate.daily_machine import NOT_MARKED, NOT_TERMINATED

    if execution.has_succeeded:
        if jobs[-1].job == MAINTAIN and jobs[-1].has_failed:
            console().print("\nthe day is published, the lake was not kept up: pipeline lake maintain")
        return
    if execution.error == NOT_MARKED:
        console().print("\nthe day is published: nothing is to be repeated")
    elif execution.error == NOT_TERMINATED:
        console().print(f"\nthe day is published; end the cluster: pipeline abort {execution.name}")
    elif execution.is_running:
        console().print(f"\nend it: pipeline abort {execution.name}")
    elif claim.get("status") == guard.DayStatus.RUNNING and claim["execution"] == execution.name:
        console().print("\nthe reaper has not freed the day yet; look again in a minute")
    elif claim.get("status") in (guard.DayStatus.RUNNING, guard.DayStatus.PUBLISHED):
        console().print(f"\nwho has the day: pipeline show {claim['execution']}")
    else:
        console().print(f"\nrepeat what is missing: pipeline trigger --resume {execution.name}")


def _as_json(execution: "Execution") -> dict[str, Any]:
    return {
        "run": execution.name,
        "partition": execution.partition_key or None,
        "trigger": execution.trigger,
        "status": execution.status,
        "started_at": execution.started_at.isoformat(),
        "ended_at": execution.ended_at and execution.ended_at.isoformat(),
        "input": execution.given,
        "error": execution.error,
        "cause": execution.cause,
    }


def _took(execution: "Execution") -> str:
    seconds = int(((execution.ended_at or datetime.now(UTC)) - execution.started_at).total_seconds())
    return f"{seconds // 60}:{seconds % 60:02}"
