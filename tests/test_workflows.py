"""The workflows of .github: what they may and what they run. Each of their lines is typed by a test, or is a target."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from pipeline_assets.home import ROOT
from tests.workflows import FOLDER, Checkout, Step, line, steps, workflows

PINNED = re.compile(r"^ *(?:- )?uses: ([\w-]+/[\w-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)$", re.MULTILINE)
PROFILES = "tests/library/settings"
LENDING = "tests/library/contracts/marts.lending.odcs.yaml"
GONE = "      - {name: isbn, logicalType: string, transformSourceObjects: [staged.loans.title]}\n"
TYPED = [
    Step("ci", "make", 'make "$TARGET"'),
    Step("deploy", "deploy", "make .venv/installed"),
    Step("deploy", "deploy", ".venv/bin/pipeline deploy --yes"),  # typed in test_production_verbs, on an account
    Step("pull-request", "review", "make .venv/installed"),
    Step("pull-request", "review", line("pull-request", "review", "pipeline review")),
    Step("pull-request", "review", '.venv/bin/pipeline contracts check --against "$BASE"'),
    Step("pull-request", "comment", line("pull-request", "comment", "gh pr comment")),
]


def targets() -> set[str]:
    return set(
        re.findall(r"^([\w./-]+):", (ROOT / "Makefile").read_text().replace("$(BIN)", ".venv/bin"), re.MULTILINE)
    )


@pytest.mark.usefixtures("processes")
@pytest.mark.parametrize(
    "command",
    [
        ["check-jsonschema", "--builtin-schema", "vendor.github-workflows", *map(str, sorted(FOLDER.iterdir()))],
        ["zizmor", "--offline", "--no-progress", "--quiet", "--persona=pedantic", str(FOLDER)],
    ],
    ids=["schema", "zizmor"],
)
def test_they_are_valid_and_an_auditor_finds_nothing(command: list[str]) -> None:
    program, *arguments = command
    done = subprocess.run([Path(sys.executable).parent / program, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_line_that_they_type_is_tested() -> None:
    assert sorted(steps(), key=str) == sorted(TYPED, key=str)


def test_no_text_of_an_event_becomes_a_command() -> None:
    assert [each for each in steps() if "${{" in each.run] == []


def test_actions_are_pinned_to_commits_one_of_each() -> None:
    text = "".join(path.read_text() for path in sorted(FOLDER.iterdir()))
    pinned = set(PINNED.findall(text))
    assert len(pinned) == len({action for action, *_ in pinned}) > 0
    foreign = re.findall(r"uses: (?!\./)", text)
    assert len(PINNED.findall(text)) == len(foreign)


def test_no_checkout_leaves_a_token_behind() -> None:
    jobs = [job for workflow in workflows().values() for job in workflow["jobs"].values()]
    uses = [
        step for job in jobs for step in job.get("steps", []) if step.get("uses", "").startswith("actions/checkout@")
    ]
    assert [step["with"]["persist-credentials"] for step in uses] == [False] * 3


def test_only_the_comment_writes_and_only_two_jobs_become_somebody_in_aws() -> None:
    may = {
        (name, job): described["permissions"]
        for name, workflow in workflows().items()
        for job, described in workflow["jobs"].items()
    }
    assert may == {
        ("ci", "make"): {"contents": "read"},
        ("deploy", "test"): {"contents": "read"},
        ("deploy", "deploy"): {"contents": "read", "id-token": "write"},
        ("pull-request", "review"): {"contents": "read", "id-token": "write"},
        ("pull-request", "comment"): {"pull-requests": "write"},
    }
    assert {name: workflow["permissions"] for name, workflow in workflows().items()} == {
        name: {} for name in ("ci", "deploy", "pull-request")
    }
    assert workflows()["deploy"]["jobs"]["deploy"]["environment"] == "production"


def test_page_has_their_variables_and_the_trust_that_their_environment_needs() -> None:
    page = (ROOT / "docs" / "operations.md").read_text().partition("### From GitHub\n")[2].partition("\n### ")[0]
    variables = set(re.findall(r"vars\.(\w+)", "".join(path.read_text() for path in FOLDER.iterdir())))
    assert {name for name in re.findall(r"`(\w+)`", page) if name.isupper()} == variables
    (policy,) = re.findall(r"^```json\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (subject,) = [
        value for key, value in json.loads(policy)["Condition"]["StringEquals"].items() if key.endswith(":sub")
    ]
    assert subject.rpartition(":")[2] == workflows()["deploy"]["jobs"]["deploy"]["environment"]


def test_they_make_what_ci_makes() -> None:
    made = set(workflows()["ci"]["jobs"]["make"]["strategy"]["matrix"]["target"])
    assert made == {*re.findall(r"^make ([\w-]+)", (ROOT / ".ci" / "run").read_text(), re.MULTILINE), "test-fast"}
    typed = {match[1] for each in steps() if (match := re.fullmatch(r"make ([\w./-]+)", each.run))}
    assert typed == {".venv/installed"}
    assert {*made, *typed} - targets() == set()


def test_python_is_the_clusters() -> None:
    wanted = tomllib.loads((ROOT / "versions.toml").read_text())["cluster"]["python"]
    assert set(re.findall(r'python-version: "(.*)"', "".join(path.read_text() for path in FOLDER.iterdir()))) == {
        wanted
    }


def test_review_is_in_the_summary_and_in_the_output_and_breaking_readers_fails(processes: None, tmp_path: Path) -> None:
    checkout = Checkout.at(tmp_path)
    contract = checkout.folder / LENDING
    now = contract.read_text()
    contract.write_text(now.replace("      - {name: title,", f"{GONE}      - {{name: title,", 1))
    base = checkout.commit()
    contract.write_text(now)
    checkout.commit()
    environment = {"BASE": base, "MAY_LOOK": "false", "PIPELINE_PROFILES": str(checkout.folder / PROFILES)}

    done = checkout.types(line("pull-request", "review", "pipeline review"), **environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    review = checkout.summary.read_text()
    assert review.startswith(
        f"**Contracts**: 1 differs from <code>{base}</code>, 1 breaking\n\n"
        "- <code>marts.lending</code>: <code>version 1.0.0&#58; what is breaking needs 2.0.0 or higher</code>\n\n"
        "| contract | version | is | where | what |\n"
        "| --- | --- | --- | --- | --- |\n"
        "| <code>marts.lending</code> | <code>1.0.0 → 1.0.0</code> | <code>breaking</code> | <code>isbn</code> | "
        "<code>gone</code> |\n\n**Order of the jobs**: "
    )
    assert "\n**Account**: not compared: no role that may read it" in review
    first, *text, last = checkout.output.read_text().splitlines(keepends=True)
    assert (first, "".join(text)) == (f"review<<{last}", review)
    assert re.fullmatch(r"[0-9a-f]{32}\n", last)

    check = line("pull-request", "review", "contracts check")
    done = checkout.types(check, **environment)
    assert (done.returncode, done.stderr) == (
        1,
        "marts.lending: version 1.0.0: what is breaking needs 2.0.0 or higher\n",
    )
    done = checkout.types(check, **{**environment, "BASE": "HEAD"})
    assert (done.returncode, done.stderr) == (0, "")


def test_comment_is_the_review_whatever_is_in_it(processes: None, tmp_path: Path) -> None:
    """`gh` is one that writes down what it is given: there is no GitHub here."""
    gh = tmp_path / "bin" / "gh"
    gh.parent.mkdir()
    gh.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/arguments\ncat > {tmp_path}/given\n')
    gh.chmod(0o755)
    review = "%s `id` $(id) \\n\n'\"; exit 1"
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-euo", "pipefail", "-c", line("pull-request", "comment", "gh pr comment")],
        env={"PATH": f"{gh.parent}:/usr/bin:/bin", "REVIEW": review, "NUMBER": "7"},
        check=False,
    )
    assert done.returncode == 0
    assert (tmp_path / "given").read_text() == f"{review}\n"
    arguments = (tmp_path / "arguments").read_text().split()
    assert arguments == ["pr", "comment", "7", "--edit-last", "--create-if-none", "--body-file", "-"]


def test_job_that_comments_runs_nothing_of_the_pull_request() -> None:
    job = workflows()["pull-request"]["jobs"]["comment"]
    assert [sorted(step) for step in job["steps"]] == [["env", "run"]]
