"""Wrong calls of the verbs that no service needs to be there for: what is said, on stderr alone, and the exit code."""

import re
from pathlib import Path

import pytest

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
        (["simulate", "sunshine"], "no scenario sunshine; there are happy, "),
        (["simulate", "happy", "--jobs", "stub", "--yarn"], "stubs have no Spark that could run on YARN: "),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_argument_is_named_with_what_would_be_right(home: Path, arguments: list[str], message: str) -> None:
    ended = typed(*arguments, home=home)
    assert message in FRAME.sub(" ", ended.err), ended.err
    assert (ended.code, ended.out) == (2, "")


def test_without_a_stack_and_settings_run_says_how_to_get_them(processes: None, tmp_path: Path) -> None:
    ended = pipeline("run", *DAY, home=tmp_path)
    assert ended.output == (
        "Misconfigured: no stack is running and no settings are named. Start one: pipeline stack up; "
        "or name yours: --settings\n"
    )
    assert ended.code == 2
