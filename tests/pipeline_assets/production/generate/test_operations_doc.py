"""docs/operations.md: what the generated stacks have, and what the verbs are called, stands in it.

Whatever the domain that the checkout's settings name. That the page's examples are of its own domain: tests/shop.
"""

import json
import re
import shlex
from contextlib import suppress

import pytest
import typer
from typer.core import TyperGroup

from emr_jobs.core.settings import load
from pipeline_assets.cli import app
from pipeline_assets.home import ROOT
from pipeline_assets.production.generate.synth import BASE, MAIN

DOC = (ROOT / "docs" / "operations.md").read_text()
SETTINGS = load(str(ROOT / "settings" / "production.toml"))
TEMPLATES = [json.loads((ROOT / "deployment" / name).read_text()) for name in (BASE, MAIN)]


def first_cells() -> set[str]:
    """Of every table's rows, each name by itself."""
    rows = re.findall(r"^\| ([^|]+) \|", DOC, re.MULTILINE)
    return {name.strip("` ") for row in rows for name in row.split(",")}


def test_every_alarm_is_found_by_what_its_description_says() -> None:
    said = [
        each["Properties"]["AlarmDescription"]
        for each in TEMPLATES[1]["Resources"].values()
        if each["Type"] == "AWS::CloudWatch::Alarm"
    ]
    assert said
    titles = {each.removeprefix("docs/operations.md, alarm ") for each in said}
    section = DOC.partition("\n## Alarms\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| (\w+) \|", section, re.MULTILINE)) - {"alarm"} == titles


@pytest.mark.parametrize("kind", ["Parameters", "Outputs"])
def test_every_parameter_and_output_has_a_row(kind: str) -> None:
    """But for the domain's own: buckets that connections leave to the deployment, of which one row tells."""
    named = {name for template in TEMPLATES for name in template[kind]}
    delivered = {each.bucket.strip("${}") for each in SETTINGS.files.values() if each.bucket}
    assert sorted(named - delivered - first_cells()) == []


@pytest.mark.parametrize("file", ["README.md", "docs/operations.md", "docs/walkthroughs.md"])
def test_every_pipeline_command_exists_with_its_options(file: str) -> None:
    """Parsed, not run: a verb or an option that is not there is a usage error."""
    text = (ROOT / file).read_text()
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    blocks = [block for language, block in fenced if not language]
    whole = [command for block in blocks for line in block.splitlines() for command in commands_in(line)]
    named = [command for span in re.findall(r"`([^`\n]+)`", text) for command in commands_in(span)]
    assert len(whole) > 10
    for command in whole:
        parse(command)
    for command in named:
        with suppress(typer.BadParameter):  # a verb is mentioned without its arguments
            parse(command)


def commands_in(line: str) -> list[list[str]]:
    """Arguments of each `pipeline` that a line of shell runs."""
    found = re.findall(r"(?:^|[;&] ?|do )pipeline ([a-z][^;&]*)", line.replace("…", ""))
    return [shlex.split(each, comments=True) for each in found]


def parse(arguments: list[str]) -> None:
    found = typer.main.get_command(app)
    while isinstance(found, TyperGroup):
        assert arguments, "a group without a verb"
        name, *arguments = arguments
        assert name in found.commands, f"no verb {name}"
        found = found.commands[name]
    found.make_context("pipeline", arguments)
