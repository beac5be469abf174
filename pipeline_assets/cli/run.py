"""`pipeline run`: one partition through Dagster, from the command line, with what happens as it happens."""

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from pipeline_assets import DEFINITIONS
from pipeline_assets.cli.output import Json, SettingsOption, print_json
from pipeline_assets.home import dagster_home, home, load_settings, profile, settings_uri
from pipeline_assets.remedies import WITH_UPSTREAM
from pipeline_assets.tags import ALLOW_EMPTY_TAG, CLUSTER_TAG, LAUNCHER_TAG, PARTITION_TAG

if TYPE_CHECKING:
    from emr_jobs.core.settings import Settings
    from emr_jobs.domain import Domain


class Launcher(StrEnum):
    local = "local"
    emr = "emr"


def run(
    partition: Annotated[str, typer.Option(help="The day, YYYY-MM-DD.")],
    select: Annotated[
        list[str] | None,
        typer.Option(help="Dataset or job; may be given more than once. A dataset brings its whole job."),
    ] = None,
    with_upstream: Annotated[
        bool, typer.Option(WITH_UPSTREAM, help="With --select: also the jobs whose datasets it reads.")
    ] = False,
    launcher: Annotated[
        Launcher, typer.Option(help="Spark on this machine, or steps on one EMR cluster.")
    ] = Launcher.local,
    cluster: Annotated[
        str | None, typer.Option(help="Launcher emr: a cluster that is there, and stays. Default: one for this run.")
    ] = None,
    allow_empty: Annotated[bool, typer.Option("--allow-empty", help="A day without rows is right this once.")] = False,
    settings: SettingsOption = None,
    json: Json = False,
) -> None:
    """Run the jobs of one partition and publish what passes its checks. Exit code 1 when a job failed."""
    from emr_jobs.core.errors import Misconfigured
    from emr_jobs.domain import domain_of

    uri = settings_uri(settings)
    values = load_settings(uri)
    day = domain_of(values).calendar.partition(partition).check(now=datetime.now(UTC))
    jobs = selected(domain_of(values), select, with_upstream=with_upstream)
    _require_services(uri)
    if launcher is Launcher.emr:
        _require_emr(values, uri)
    elif cluster:
        raise Misconfigured(f"--cluster {cluster} needs --launcher emr")
    else:
        _require_java()
    os.environ["PIPELINE_SETTINGS"] = uri  # the steps load the definitions anew
    outcome = execute(
        str(day),
        jobs,
        launcher=launcher,
        cluster=cluster,
        allow_empty=allow_empty,
        quiet=json,
    )
    if json:
        print_json(outcome.as_dict())
    else:
        outcome.show()
    if not outcome.success:
        raise typer.Exit(1)


def _require_java() -> None:
    """Before a run begins: Spark's scripts say it in its log."""
    from emr_jobs.core.errors import Misconfigured
    from local_stack.system_packages import spark_lacks_java

    if lacks := spark_lacks_java():
        raise Misconfigured(f"launcher local: {lacks} What this machine lacks: pipeline doctor")


def _require_services(uri: str) -> None:
    from emr_jobs.core.errors import Misconfigured

    if uri == str(profile("local")):
        raise Misconfigured(
            "no stack is running and no settings are named. Start one: pipeline stack up; or name yours: --settings"
        )


def _require_emr(settings: "Settings", uri: str) -> None:
    """Before a run begins, rather than in each of its steps."""
    from pipeline_assets.emr.clusters import emr_settings, require_reachable

    emr_settings(settings)
    require_reachable(settings, uri)


def selected(found: "Domain", names: Sequence[str] | None, *, with_upstream: bool = False) -> list[str]:
    """Jobs by name, from datasets and jobs, in their order. Raises Misconfigured naming what there is."""
    from emr_jobs.core.errors import Misconfigured

    if not names:
        return [job.name for job in found.jobs]
    known = {job.name: job.name for job in found.jobs}
    known |= {dataset: found.job_of(dataset).name for dataset in found.published}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise Misconfigured(f"--select {unknown[0]}: no such dataset or job; there are {', '.join(sorted(known))}")
    wanted = {known[name] for name in names}
    todo = list(wanted) if with_upstream else []
    while todo:
        reads = {found.job_of(dataset).name for dataset in found.inputs_of(found.job(todo.pop()))}
        todo += reads - wanted
        wanted |= reads
    return [job.name for job in found.jobs if job.name in wanted]


def execute(
    partition: str,
    jobs: Sequence[str],
    *,
    launcher: Launcher = Launcher.local,
    cluster: str | None = None,
    allow_empty: bool = False,
    quiet: bool = False,
) -> Any:
    """One Dagster run of these jobs, watched; returns a watch.Outcome."""
    from pipeline_assets.invocations import end_abandoned, invocation

    os.environ["DAGSTER_HOME"] = str(dagster_home())
    with (
        ending_when_told(),
        invocation() as id,
        _output_to(log := home() / "logs" / f"{partition}-{id[:8]}.log") as terminal,
        _driver(id, launcher),
    ):
        _start_step_server()
        import dagster as dg
        from emr_jobs.domain import domain_of

        from pipeline_assets.assets.jobs import selection
        from pipeline_assets.cli.watch import watch
        from pipeline_assets.emr.lease import ending_clusters
        from pipeline_assets.workspace import execute as execute_run
        from pipeline_assets.workspace import job_named

        tags = {
            PARTITION_TAG: partition,
            LAUNCHER_TAG: launcher.value,
            **({ALLOW_EMPTY_TAG: "true"} if allow_empty else {}),
            **({CLUSTER_TAG: cluster} if cluster else {}),
        }
        settings = load_settings()
        found = domain_of(settings)
        part = selection(found, jobs) if len(jobs) < len(found.jobs) else None
        with (
            dg.DagsterInstance.get() as instance,
            watch(instance, id, jobs, terminal=terminal, quiet=quiet) as outcome,
            ending_clusters(settings, instance, dg.RunsFilter(run_ids=[id])),
        ):
            for sentence in end_abandoned(instance):
                terminal.print(sentence, markup=False, soft_wrap=True)
            execute_run(job_named("daily"), instance, run_id=id, tags=tags, part=part)
    outcome.log = str(log)
    return outcome


@contextmanager
def ending_when_told() -> Iterator[None]:
    """SIGTERM is Ctrl-C, and a terminal that is closed (SIGHUP) is SIGTERM, whatever Dagster makes of it; but not
    under nohup."""

    def hung_up(*_: object) -> None:
        signal.raise_signal(signal.SIGTERM)

    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP)}
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if before[signal.SIGHUP] is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, hung_up)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _driver(run_id: str, launcher: Launcher) -> AbstractContextManager[None]:
    """Spark starts while this process and those of the steps import Dagster."""
    if launcher is not Launcher.local:
        return nullcontext()
    from pipeline_assets.driver import running as driver

    return driver.kept(run_id, load_settings(), settings_uri())


def _start_step_server() -> None:
    """The process that steps are forked from imports what they need: let it do so while this one does the same."""
    import multiprocessing
    from multiprocessing import forkserver

    multiprocessing.get_context("forkserver").set_forkserver_preload([DEFINITIONS])
    forkserver.ensure_running()


@contextmanager
def _output_to(log):  # type: ignore[no-untyped-def]
    """Everything that this process and the steps print goes to the log; yields a console on the terminal."""
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    with log.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    with os.fdopen(os.dup(kept[1]), "w") as terminal:
        try:
            yield Console(file=terminal, highlight=False, force_terminal=os.isatty(kept[1]))
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os.dup2(kept[0], 1)
            os.dup2(kept[1], 2)
            os.close(kept[0])
            os.close(kept[1])
