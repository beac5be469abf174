"""`pipeline trigger`, `runs`, `show`, `abort`: executions of the deployed daily run."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline_assets.cli.output import Json, console, print_json, table
from pipeline_assets.cli.synth import DeploymentSettings, deployment
from pipeline_assets.home import deployment_settings

if TYPE_CHECKING:
    from pipeline_assets.production.executions import Execution, Executions

Run = Annotated[str, typer.Argument(help="Name of the execution: pipeline runs.")]


def trigger(
    partition: Annotated[str | None, typer.Option(help="The day, YYYY-MM-DD, New York.")] = None,
    only: Annotated[list[str] | None, typer.Option(help="This job and no other; repeat for several.")] = None,
    from_: Annotated[str | None, typer.Option("--from", help="This job and all that read what comes of it.")] = None,
    resume: Annotated[str | None, typer.Option(help="The jobs that this execution has not brought to an end.")] = None,
    rerun: Annotated[bool, typer.Option("--rerun", help="Also when the day is published.")] = False,
    settings: DeploymentSettings = None,
    json: Json = False,
) -> None:
    """Start the daily run of one day in production."""
    from emr_jobs.partition import Partition

    from pipeline_assets.production.executions import Executions, to_resume

    if (partition is None) == (resume is None):
        raise typer.BadParameter("give either --partition or --resume")
    if len([each for each in (only, from_, resume) if each]) > 1:
        raise typer.BadParameter("give one of --only, --from and --resume")
    made = deployment(deployment_settings(settings))
    executions = Executions(made.production.name)
    jobs = [job.name for job in made.plan.jobs]
    unknown = [each for each in [*(only or []), *([from_] if from_ else [])] if each not in jobs]
    if unknown:
        raise typer.BadParameter(f"no job {', '.join(unknown)}; there are {', '.join(jobs)}")
    if resume:
        execution = executions.find(resume)
        day = execution.partition
        wanted = to_resume(executions.jobs(execution), execution.given.get("only", jobs))
        if not wanted:
            raise typer.BadParameter(
                f"{resume} has brought all its jobs to an end. Once more: --partition {day} --rerun"
            )
    else:
        assert partition is not None, "one of the two"
        day = Partition.parse(partition)
        wanted = tuple(only or ()) or (tuple(job.name for job in made.plan.downstream(from_)) if from_ else ())
    name = executions.start(day, only=wanted, rerun=rerun)
    if json:
        print_json({"run": name, "partition": str(day), "only": list(wanted)})
        return
    console().print(f"started   {name}\npartition {day}\njobs      {', '.join(wanted or jobs)}")
    console().print(f"watch it  pipeline show {name}")


def runs(
    count: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 20,
    settings: DeploymentSettings = None,
    json: Json = False,
) -> None:
    """The latest executions."""
    from pipeline_assets.production.executions import Executions

    found = Executions(_name(settings)).latest(count)
    if json:
        print_json([_as_json(each) for each in found])
        return
    rows = [
        (
            each.name,
            each.partition,
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


def show(run: Run, settings: DeploymentSettings = None, json: Json = False) -> None:
    """How each job of an execution went, why it failed, what to type."""
    from pipeline_assets.production.executions import Executions

    executions = Executions(_name(settings))
    execution = executions.find(run)
    jobs = executions.jobs(execution)
    cluster = executions.cluster(run)
    if json:
        went = [
            {"job": each.job.name, "status": each.status, "attempts": each.attempts, "cause": each.cause}
            for each in jobs
        ]
        print_json({**_as_json(execution), "cluster": cluster, "jobs": went})
        return
    facts = [
        ("partition", execution.partition),
        ("status", execution.status),
        ("started", f"{execution.started_at:%Y-%m-%d %H:%M:%S %Z}"),
        ("took", _took(execution)),
        ("cluster", cluster or "none"),
    ]
    console().print(table(("run", run), facts))
    console().print()
    rows = [(each.job.name, each.status, each.attempts, ", ".join(each.job.outputs)) for each in jobs]
    console().print(table(("job", "status", "attempts", "datasets"), rows, right=("attempts",)))
    if execution.error:
        console().print(f"\n{execution.error}")
        console().print(execution.cause, markup=False, soft_wrap=True)
    _what_to_type(executions, execution)


def abort(run: Run, settings: DeploymentSettings = None) -> None:
    """Stop an execution and end its cluster."""
    from pipeline_assets.production.executions import Executions

    cluster = Executions(_name(settings)).abort(run)
    console().print(f"stopped {run}; cluster {f'{cluster} is ending' if cluster else 'was not made'}")
    console().print(f"repeat what is missing: pipeline trigger --resume {run}")


def _name(settings: str | None) -> str:
    from pipeline_assets.production.synth import production_of

    return production_of(deployment_settings(settings)).name


def _what_to_type(executions: "Executions", execution: "Execution") -> None:
    if execution.status in ("FAILED", "ABORTED", "TIMED_OUT") and execution.error != "AlreadyDone":
        console().print(f"\nrepeat what is missing: pipeline trigger --resume {execution.name}")
    elif execution.status == "RUNNING":
        console().print(f"\nend it: pipeline abort {execution.name}")


def _as_json(execution: "Execution") -> dict[str, Any]:
    return {
        "run": execution.name,
        "partition": str(execution.partition),
        "trigger": execution.trigger,
        "status": execution.status,
        "started_at": execution.started_at.isoformat(),
        "ended_at": execution.ended_at and execution.ended_at.isoformat(),
        "input": execution.given,
        "error": execution.error,
        "cause": execution.cause,
    }


def _took(execution: "Execution") -> str:
    from datetime import UTC, datetime

    seconds = int(((execution.ended_at or datetime.now(UTC)) - execution.started_at).total_seconds())
    return f"{seconds // 60}:{seconds % 60:02}"
