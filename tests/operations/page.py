"""The commands of docs/operations.md as they stand there, and how tests type them.

A test gives each command's capital words a value and types it. A job, a dataset or a secret of the page's examples
stands for any: the tests name those of their own domain. Which commands the tests type is read from their source, so
that none of the page's is left out and none of theirs is gone from the page (test_page).
"""

import ast
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipeline_assets.home import ROOT
from tests.running import Typed, typed

PAGE = (ROOT / "docs" / "operations.md").read_text()
PROGRAMS = ("pipeline ", "aws ", "make ", "export ", "for ")
_OF_A_DOMAIN = {
    "JOB": re.compile(r"(?<=--only )\w+|(?<=--from )\w+"),
    "SECRET": re.compile(r"(?<=--name )\S+|(?<=--secret-id )\S+"),
    "DATASET": re.compile(r"(?<![\w./-])[a-z_]+\.[a-z_]+(?![\w./-])"),
}
_FENCED = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def shown() -> set[str]:
    """Every command of the page, in its blocks and within sentences, on one line and without comment.

    A verb that a sentence only mentions, while another command has it with its arguments, is none. As of any domain.
    """
    blocks = "".join(_FENCED.findall(PAGE)).replace("\\\n", " ")
    typed_out = {" ".join(line.partition("  #")[0].split()) for line in blocks.splitlines()}
    named = {" ".join(span.split()) for span in re.findall(r"`([^`]+)`", _FENCED.sub("", PAGE))}
    mentioned = {each for each in named if any(other.startswith(f"{each} ") for other in typed_out | named)}
    return {of_any_domain(line) for line in typed_out | (named - mentioned) if line.startswith(PROGRAMS)}


def of_any_domain(command: str) -> str:
    """With JOB, DATASET and SECRET in the places of those that it names."""
    for any_, named in _OF_A_DOMAIN.items():
        command = named.sub(any_, command)
    return command


def typed_by_tests() -> set[str]:
    """The first argument of every call of `types` in this folder, as of any domain."""
    return {of_any_domain(each) for file in Path(__file__).parent.glob("*.py") for each in _typed_in(file.read_text())}


def _typed_in(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "types":
            first = node.args[0]
            assert isinstance(first, ast.Constant), "a command is typed as it stands on the page"
            yield str(first.value)


@dataclass(frozen=True)
class Operator:
    """Somebody with the page in a terminal."""

    home: Path
    settings: str
    environment: Mapping[str, str]  # of AWS
    # The settings to each verb, as those about the deployment take them; else in the environment.
    given: bool = field(default=False, kw_only=True)

    def types(self, command: str, words: Mapping[str, str] | None = None, *, answer: str = "", more: str = "") -> Typed:
        """`words`: what stands for a word, or a part of the command. `more`: what is typed after it."""
        assert of_any_domain(command) in shown(), "as it stands on the page"
        for word, value in (words or {}).items():
            pattern = rf"(?<![\w-]){re.escape(word)}(?!\w)"
            assert re.search(pattern, command), word
            command = re.sub(pattern, lambda _, value=value: value, command)
        if self.given:
            command = re.sub(r"\bpipeline ([a-z]+)", rf"pipeline \1 --settings {shlex.quote(self.settings)}", command)
        # Of SQS, the AWS CLI asks no environment for the endpoint.
        command = re.sub(r"^aws ", f"aws --endpoint-url {self.environment['AWS_ENDPOINT_URL']} ", command)
        command += more
        environment = {**self.environment, **({} if self.given else {"PIPELINE_SETTINGS": self.settings})}
        if command.startswith("pipeline ") and not re.search(r"[&;|\n]", command):
            return typed(*shlex.split(command)[1:], home=self.home, answer=answer, env=environment)
        environment |= {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PIPELINE_HOME": str(self.home)}
        ended = subprocess.run(
            ["bash", "-euc", command],
            input=answer,
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={**os.environ, **environment},
            check=False,
        )
        return Typed(ended.returncode, ended.stdout, ended.stderr)
