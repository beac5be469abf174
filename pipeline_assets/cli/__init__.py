"""The `pipeline` command: one module a group of verbs. What is heavy is imported by the verb that needs it."""

import sys
from typing import Any, NoReturn

import typer
from emr_jobs.core.errors import Misconfigured, PipelineError
from typer.core import TyperGroup

from pipeline_assets.cli import (
    check,
    contracts,
    demo,
    deploy,
    dev,
    doctor,
    executions,
    lake,
    new,
    package,
    query,
    rollback,
    run,
    search,
    simulate,
    source,
    stack,
    synth,
)
from pipeline_assets.cli.aws_errors import aws_refusal
from pipeline_assets.production.apply.stacks import StackFailed


class Verbs(TyperGroup):
    """Errors that a person can mend are one line, not a stack trace."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().main(*args, **kwargs)
        except Misconfigured as error:
            _fail(error, 2)
        except (PipelineError, StackFailed) as error:
            _fail(error, 1)
        except Exception as error:
            if (refused := aws_refusal(error)) is None:
                raise
            _fail(refused, 2)


app = typer.Typer(
    cls=Verbs,
    help="The daily pipeline: run it, look at it, serve it locally.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("demo")(demo.demo)
app.command("run")(run.run)
app.command("check")(check.check)
app.command("query")(query.query)
app.command("dev")(dev.dev)
app.command("doctor")(doctor.doctor)
app.command("package")(package.package)
app.command("synth")(synth.synth)
app.command("deploy")(deploy.deploy)
app.command("diff")(deploy.diff)
app.command("destroy")(deploy.destroy)
app.command("trigger")(executions.trigger)
app.command("runs")(executions.runs)
app.command("show")(executions.show)
app.command("abort")(executions.abort)
app.command("rollback")(rollback.day)
app.command("simulate")(simulate.simulate)
app.add_typer(stack.app, name="stack")
app.add_typer(search.app, name="search")
app.add_typer(lake.app, name="lake")
app.add_typer(contracts.app, name="contracts")
app.add_typer(new.app, name="new")
app.add_typer(source.app, name="source")


def main() -> None:
    app()


def _fail(error: Exception, code: int) -> NoReturn:
    from pipeline_assets.cli.output import errors, print_message

    errors().print(f"[bold red]{type(error).__name__}[/]: ", end="")
    print_message(errors(), " ".join([str(error), *getattr(error, "__notes__", [])]))
    sys.exit(code)
