"""A declared source as a Dagster component: `dg scaffold defs` writes what `pipeline new source` writes.

The component's defs.yaml says which contract, and no more. Assets, job and observation of a source are derived from its
contract, as those of every other; so the component builds nothing, it knows whether the contract is there.
"""

import inspect
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import click
import dagster as dg
from emr_jobs.contracts import Medium
from emr_jobs.core.errors import Misconfigured
from emr_jobs.domain import domain_of
from pydantic import BaseModel, Field, create_model

from pipeline_assets.cli import new
from pipeline_assets.home import load_settings


def _sources() -> list[str]:
    contracts = domain_of(load_settings()).contracts.values()
    return sorted(contract.id for contract in contracts if contract.medium is Medium.SOURCE)


def _one_of_the_domain(schema: dict[str, Any]) -> None:
    schema["enum"] = _sources()


def _options() -> type[BaseModel]:
    """Those of `pipeline new source`, with their help."""
    hints = get_type_hints(new.source, include_extras=True)
    fields: dict[str, Any] = {}
    for name, parameter in inspect.signature(new.source).parameters.items():
        if name not in ("name", "json"):
            type_, option = get_args(hints[name])
            fields[name] = (type_, Field(default=parameter.default, description=option.help))
    return create_model("Options", **fields)


OPTIONS = _options()


class DeclaredSourceScaffolder(dg.Scaffolder[BaseModel]):
    @classmethod
    def get_scaffold_params(cls) -> type[BaseModel]:
        return OPTIONS

    def scaffold(self, request: dg.ScaffoldRequest[BaseModel]) -> None:
        """The last part of the path is the source's name. Nothing is left where it cannot be written."""
        source = request.target_path.name
        try:
            if request.scaffold_format != "yaml":
                raise Misconfigured("a declared source has no Python: --format yaml")
            new.source(source, **dict(request.params))
        except Misconfigured as error:
            _remove_empty(request.target_path)
            raise click.ClickException(str(error)) from error
        dg.scaffold_component(request, {"contract": source})


def _remove_empty(folder: Path) -> None:
    """dg made it, and would refuse the next attempt because it is there."""
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


@dg.scaffold_with(DeclaredSourceScaffolder)
class DeclaredSource(dg.Component, dg.Model, dg.Resolvable):
    """A source that contracts declare. DEFS_PATH is its name, SYSTEM.NAME; the options are those of
    `pipeline new source`, whose -h explains them.
    """

    contract: Annotated[
        str, Field(description="Of the source, a contract of the domain.", json_schema_extra=_one_of_the_domain)
    ]

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """None: they come from the contract. Raises Misconfigured where there is no such source."""
        if self.contract not in _sources():
            raise Misconfigured(f"{self.contract}: no contract of a source has this name. Sources: {_sources()}")
        return dg.Definitions()
