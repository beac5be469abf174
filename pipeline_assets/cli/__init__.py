"""The `pipeline` command: one module a group of verbs. What is heavy is imported by the verb that needs it."""

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from emr_jobs.core.errors import Misconfigured, PipelineError
from typer.core import TyperGroup

from pipeline_assets.cli import (
    check,
    contracts,
    demo,
    deploy,
    describe,
    dev,
    docs,
    doctor,
    executions,
    lake,
    new,
    package,
    query,
    review,
    rollback,
    run,
    search,
    simulate,
    slo,
    source,
    stack,
    synth,
)
from pipeline_assets.cli.aws_errors import aws_refusal
from pipeline_assets.home import home
from pipeline_assets.production.apply.stacks import StackFailed

# Of the machine that the verb runs on, and of nothing that we do.
_OF_THE_MACHINE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR}


class Verbs(TyperGroup):
    """Errors that a person can mend are one line, not a stack trace."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().main(*args, **kwargs)
        except Misconfigured as error:
            _fail(error, 2)
        except (PipelineError, StackFailed) as error:
            _fail(error, 1)
        except OSError as error:
            if error.errno not in _OF_THE_MACHINE:
                raise
            _fail(Misconfigured(_of_the_machine(error)), 2)
        except Exception as error:
            if (refused := aws_refusal(error)) is None:
                raise
            _fail(refused, 2)


def _of_the_machine(error: OSError) -> str:
    place = Path(os.fsdecode(error.filename)) if error.filename else home()
    elsewhere = " Elsewhere: PIPELINE_HOME=FOLDER" if place.is_relative_to(home()) else ""
    return f"{place}: {error.strerror}.{elsewhere}"


app = typer.Typer(
    cls=Verbs,
    help="The daily pipeline: run it, look at it, serve it locally.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(version("pipeline-assets"))  # noqa: T201  # the output
        raise typer.Exit


@app.callback()
def _of_all_verbs(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and end.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Takes what no verb takes."""


def _verb(name: str, function: Callable[..., None], *examples: str) -> None:
    """With examples, which stand below its options."""
    lines = [f"  pipeline {each}" for each in examples]
    app.command(name, epilog="\n\n".join(["Examples:", *lines]) if lines else None)(function)


_verb("demo", demo.demo, "demo", "demo --rows 300 --keep")
_verb("run", run.run, "run --partition 2026-11-29", "run --partition 2026-11-29 --select LAYER.NAME --json")
_verb("check", check.check)
_verb(
    "query",
    query.query,
    "query 'SELECT * FROM LAYER.NAME LIMIT 5'",
    "query 'SELECT * FROM LAYER.NAME' --output rows.parquet",
)
_verb("describe", describe.describe, "describe LAYER.NAME", "describe LAYER.NAME --json")
_verb("dev", dev.dev, "dev --port 3001")
_verb("doctor", doctor.doctor)
_verb("package", package.package)
_verb("synth", synth.synth)
_verb("deploy", deploy.deploy, "deploy --parameter VpcId=vpc-1")
_verb("diff", deploy.diff)
_verb("review", review.review, "review --against main", "review --against HEAD~1 --account")
_verb("destroy", deploy.destroy)
_verb(
    "trigger",
    executions.trigger,
    "trigger --partition 2026-11-29",
    "trigger --partition 2026-11-29 --from JOB",
    "trigger --resume EXECUTION",
)
_verb("runs", executions.runs)
_verb("show", executions.show, "show", "show EXECUTION", "show tables")
_verb("slo", slo.slo, "slo --days 30", "slo --dataset LAYER.NAME", "slo --json")
_verb("abort", executions.abort)
_verb("rollback", rollback.day)
_verb("simulate", simulate.simulate, "simulate happy", "simulate all --jobs stub")
app.add_typer(stack.app, name="stack")
app.add_typer(search.app, name="search")
app.add_typer(lake.app, name="lake")
app.add_typer(contracts.app, name="contracts")
app.add_typer(new.app, name="new")
app.add_typer(source.app, name="source")
app.add_typer(docs.app, name="docs")


def main() -> None:
    app()


def _fail(error: Exception, code: int) -> NoReturn:
    from pipeline_assets.cli.output import errors, print_message

    errors().print(f"[bold red]{type(error).__name__}[/]: ", end="")
    print_message(errors(), " ".join([str(error), *getattr(error, "__notes__", [])]))
    sys.exit(code)
