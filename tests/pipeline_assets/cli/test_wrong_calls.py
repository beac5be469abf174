"""Wrong calls of the verbs that no service needs to be there for: what is said, on stderr alone, and the exit code."""

import re
import shlex
import socket
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.main import get_command

from pipeline_assets.cli import app
from tests.running import pipeline, typed

DAY = ("--partition", "2026-11-21")
FRAME = re.compile(r"[│╭╮╰╯─\n ]+")  # which Typer draws around a wrong argument


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["query", "SELEC 1"], 1, r"query: Parser Error: syntax error at or near \"SELEC\"\n"),
        (
            ["query", "SELECT * FROM marts.nothing"],
            1,
            r"query: Catalog Error: .*marts\.nothing(.|\n)*\ndatasets: marts\.branch_days, ",
        ),
        (["query", "DROP TABLE marts.lending"], 2, r"Misconfigured: the lake is read only: expected one SELECT"),
        (
            ["query", "CREATE TABLE mine AS SELECT 1"],
            2,
            r"Misconfigured: the lake is read only: expected one SELECT, found .*CREATE\n$",
        ),
        (["query", "SELECT 1", "--output", "out.xlsx"], 2, r"Misconfigured: --output out\.xlsx: .*\.parquet"),
        (["run", *DAY, "--launcher", "emr"], 2, r"Misconfigured: launcher emr needs .*stack up --aws"),
        (["run", *DAY, "--cluster", "j-1"], 2, r"Misconfigured: --cluster j-1 needs --launcher emr\n$"),
        (["run", "--partition", "2999-01-01"], 2, r"Misconfigured: partition 2999-01-01: the Berlin day has not"),
        (["run", "--partition", "today"], 2, r"Misconfigured: partition 'today': expected a Berlin calendar day"),
        (
            ["run", *DAY, "--select", "marts.sales"],
            2,
            r"Misconfigured: --select marts\.sales: no such dataset or job; there are catalogue, .*marts\.lending, .*",
        ),
        (["run", *DAY, "--settings", "/nope.toml"], 2, r"Misconfigured: settings /nope\.toml: "),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_a_wrong_call_is_one_sentence(home: Path, arguments: list[str], code: int, message: str) -> None:
    ended = typed(*arguments, home=home, env={"PIPELINE_SETTINGS": str(home / "settings.toml")})
    assert re.match(message, ended.err), ended.err
    assert (ended.code, ended.out) == (code, "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run"], "Missing option '--partition'."),
        (["run", *DAY, "--launcher", "yarn"], "'yarn' is not one of 'local', 'emr'."),
        (["trigger"], "give either --partition or --resume"),
        (["trigger", *DAY, "--resume", "one"], "give either --partition or --resume"),
        (["trigger", *DAY, "--only", "catalogue", "--from", "catalogue"], "give one of --only, --from and --resume"),
        (
            ["trigger", *DAY, "--only", "extract_fines"],
            "no job extract_fines; there are extract_loans, extract_members, extract_reviews, catalogue",
        ),
        (["deploy", "--parameter", "Vpc"], "expected NAME=VALUE, found Vpc"),
        (["stack", "up", "--data", "/nope"], "Invalid value for '--data': dir '/nope' does not exist."),
        (["simulate", "sunshine"], "no scenario sunshine; there are happy, "),
        (["simulate", "happy", "--jobs", "stub", "--yarn"], "stubs have no Spark that could run on YARN: "),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_argument_is_named_with_what_would_be_right(home: Path, arguments: list[str], message: str) -> None:
    ended = typed(*arguments, home=home)
    assert message in FRAME.sub(" ", ended.err), ended.err
    assert (ended.code, ended.out) == (2, "")


def test_a_place_outside_the_home_that_cannot_be_written_is_named_alone(
    home: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("elsewhere") / "file"
    file.touch()
    ended = typed("stack", "sample", str(file / "data"), *DAY, "--rows", "1", home=home)
    assert re.fullmatch(rf"Misconfigured: {file}/data[^ ]*: Not a directory\.\n", ended.err), ended.err
    assert (ended.code, ended.out) == (2, "")


@pytest.mark.parametrize("verb", [["stack", "down"], ["run", *DAY], ["query", "SELECT 1"]], ids=" ".join)
def test_a_home_that_cannot_be_one_is_named(tmp_path: Path, verb: list[str]) -> None:
    file = tmp_path / "a file"
    file.touch()
    ended = typed(*verb, home=file)
    assert ended.err == f"Misconfigured: {file}/stack.lock: Not a directory. Elsewhere: PIPELINE_HOME=FOLDER\n"
    assert (ended.code, ended.out) == (2, "")


@pytest.mark.parametrize(
    ("verb", "code", "said"),
    [
        (["stack", "up"], 1, r"stack: There is no Java on PATH\. Install it"),
        (["run", *DAY], 2, r"Misconfigured: launcher local: There is no Java on PATH\. What .*: pipeline doctor\n$"),
    ],
    ids=["stack up", "run"],
)
def test_without_java_nothing_is_started(
    processes: None, home: Path, verb: list[str], code: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    before = sorted(home.iterdir())
    ended = typed(*verb, home=home, env={"PATH": str(home), "PIPELINE_SETTINGS": str(home / "settings.toml")})
    assert re.match(said, ended.err), ended.err
    assert (ended.code, ended.out, sorted(home.iterdir())) == (code, "", before)


def test_a_java_that_spark_cannot_start_with_is_said_before_a_run(processes: None, home: Path, tmp_path: Path) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.22\"' >&2\n")
    java.chmod(0o755)
    before = sorted(home.iterdir())
    ended = typed(
        "run", *DAY, home=home, env={"JAVA_HOME": str(tmp_path), "PIPELINE_SETTINGS": str(home / "settings.toml")}
    )
    said = (
        r'Misconfigured: launcher local: Java in JAVA_HOME is too old \(openjdk version "11.0.22"\): '
        r"Java 17 to 21 is needed\. What this machine lacks: pipeline doctor\n"
    )
    assert re.fullmatch(said, ended.err), ended.err
    assert (ended.code, ended.out, sorted(home.iterdir())) == (2, "", before)


def test_inputs_that_cannot_be_served_are_said_in_a_sentence(processes: None, tmp_path: Path) -> None:
    data, home = tmp_path / "data", tmp_path / "home"
    data.mkdir()
    ended = typed("stack", "up", "--data", str(data), home=home)
    assert re.fullmatch(
        rf"stack: the stack did not start: \w+Error: .*{data}.*\nmore of it: {home / 'stack.log'}\n", ended.err
    ), ended.err
    assert (ended.code, ended.out) == (1, "")


def test_a_port_that_is_taken_starts_no_second_daemon(processes: None, home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = typed("dev", "--port", str(port), home=home)
    assert ended.err == (
        f"Misconfigured: port {port}: Address already in use. Another one: pipeline dev --port {port + 1}\n"
    )
    assert (ended.code, ended.out) == (2, "")


@pytest.mark.parametrize("verb", [[], ["run"], ["stack", "up"]], ids=["", "run", "stack up"])
def test_help_is_h_too(home: Path, verb: list[str]) -> None:
    assert typed(*verb, "-h", home=home) == typed(*verb, "--help", home=home)
    assert typed(*verb, "-h", home=home).code == 0


def test_version_is_the_package_s(home: Path) -> None:
    assert typed("--version", home=home).out == f"{version('pipeline-assets')}\n"


def test_help_has_examples_that_are_calls(home: Path) -> None:
    for name, verb in get_command(app).commands.items():  # type: ignore[attr-defined]
        for example in re.findall(r"^ *pipeline (.+)$", verb.epilog or "", re.MULTILINE):
            _, *arguments = shlex.split(example)
            verb.make_context(name, arguments)
    shown = typed("run", "-h", home=home).out
    assert "pipeline run --partition 2026-11-29 --select LAYER.NAME --json" in shown


def test_without_a_stack_and_settings_run_says_how_to_get_them(processes: None, tmp_path: Path) -> None:
    ended = pipeline("run", *DAY, home=tmp_path)
    assert ended.output == (
        "Misconfigured: no stack is running and no settings are named. Start one: pipeline stack up; "
        "or name yours: --settings\n"
    )
    assert ended.code == 2
