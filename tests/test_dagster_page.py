"""The blocks of docs/dagster.md: each is what the part that reads it takes."""

import json
import re
import shlex
import tomllib
from typing import Any

import click
import pytest
import yaml
from dagster._daemon.cli import run_command as daemon
from dagster_webserver.cli import dagster_webserver

from emr_jobs.core.settings import Lineage
from pipeline_assets.home import ROOT
from pipeline_assets.production.generate.synth import MAIN

PAGE = (ROOT / "docs" / "dagster.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
PROCESSES = {"dagster-webserver": dagster_webserver, "dagster-daemon": daemon}


def block(language: str, beginning: str) -> str:
    (found,) = [text for kind, text in BLOCKS if (kind, text.startswith(beginning)) == (language, True)]
    return found


def test_every_block_is_looked_at_here() -> None:
    assert [(language, text.split(maxsplit=1)[0]) for language, text in BLOCKS] == [
        ("", "pipeline"),
        ("", "code"),
        ("yaml", "concurrency:"),
        ("toml", "[lineage]"),
    ]


def test_the_stack_has_the_parameter_that_deploy_is_given() -> None:
    parameter = re.fullmatch(r"pipeline deploy --parameter (\w+)=NAME\n", block("", "pipeline deploy"))
    assert parameter is not None
    assert parameter[1] in json.loads((ROOT / "deployment" / MAIN).read_text())["Parameters"]


@pytest.mark.parametrize("name", PROCESSES)
def test_processes_of_an_own_instance_take_their_options(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    (line,) = [line for line in block("", "code server").splitlines() if name in line]
    options = shlex.split(re.split(r" {2,}", line)[1])[1:]
    command: click.Command = PROCESSES[name]
    if isinstance(command, click.Group):
        assert command.list_commands(click.Context(command))
    parsed = command.make_context(name, [each for each in options if each != "run"])
    assert list(parsed.params["workspace"]) == ["instance/workspace.yaml"]
    assert (ROOT / "instance" / "workspace.yaml").is_file()


def test_settings_of_dagster_plus_say_what_an_own_instance_has() -> None:
    plus = yaml.safe_load(block("yaml", "concurrency"))
    own = yaml.safe_load((ROOT / "instance" / "dagster.yaml").read_text())
    assert leaves(plus) - leaves(own) == set()


def test_lineage_is_as_settings_read_it() -> None:
    values = tomllib.loads(block("toml", "[lineage]"))
    assert list(values) == ["lineage"]
    assert Lineage.model_validate(values["lineage"]).kind == "http"


def leaves(value: Any, *path: str) -> set[tuple[str, ...]]:
    if isinstance(value, dict):
        return {leaf for name, each in value.items() for leaf in leaves(each, *path, name)}
    if isinstance(value, list):
        return {leaf for each in value for leaf in leaves(each, *path, str(each.get("key")))}
    return {(*path, str(value))}
