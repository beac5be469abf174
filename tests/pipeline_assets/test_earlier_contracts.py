"""Contracts at a commit and in a folder: what is read, and what is said where there are none."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from emr_jobs.contracts import load
from emr_jobs.core.errors import Misconfigured
from pipeline_assets.earlier_contracts import earlier_contracts
from tests.domains import LIBRARY

WRITTEN = LIBRARY.folder / "contracts"
LOANS = "staged.loans.odcs.yaml"


def copy(folder: Path) -> Path:
    return Path(shutil.copytree(WRITTEN, folder))


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text, (file, old)
    file.write_text(text.replace(old, new, 1))


Git = Callable[..., str]


@pytest.fixture
def git(processes: None, tmp_path: Path) -> Git:
    """In a repository of its own; whoever runs the tests has no say in it."""
    person = [
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@b.example",
        "-c",
        "commit.gpgsign=false",
        "-c",
        "core.hooksPath=",
    ]

    def run(*arguments: str) -> str:
        command = ["git", *person, "-C", str(tmp_path), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    run("init", "-q", "-b", "main")
    return run


def commit(git: Git) -> str:
    git("add", "-A")
    git("commit", "-q", "-m", "as it is")
    return git("rev-parse", "HEAD")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return copy(tmp_path / "domain" / "contracts")


def test_a_commit_s_contracts_are_those_of_then(git: Git, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    then = load(folder, LIBRARY.layers)
    first = commit(git)
    edit(folder / LOANS, "version: 1.0.0", "version: 1.1.0")
    (folder / "staged.reviews.odcs.yaml").unlink()
    commit(git)
    edit(folder / LOANS, "version: 1.1.0", "version: 1.2.0")  # not committed
    for reference in ("HEAD~1", first, first[:10], "main~1"):
        assert (earlier := earlier_contracts(reference, folder)).of == first
        assert (earlier.contracts, earlier.invalid) == (then, {})
    monkeypatch.setenv("GIT_DIR", ".git")  # as in a hook
    newest = earlier_contracts("main", folder).contracts
    assert (newest["staged.loans"].version, "staged.reviews" in newest) == ("1.1.0", False)


def test_what_was_not_valid_is_named_and_the_rest_is_read(git: Git, folder: Path) -> None:
    edit(folder / LOANS, "status: active", "status: live")
    edit(folder / "staged.reviews.odcs.yaml", "[http.reviews.stars]", "[http.reviews.points]")  # no matter any more
    then = commit(git)
    earlier = earlier_contracts(then, folder)
    expected = "expected one of proposed, draft, active, deprecated, retired"
    assert earlier.invalid == {"staged.loans": [f"{LOANS} $.status: live: {expected}"]}
    assert earlier.contracts.keys() == load(WRITTEN, LIBRARY.layers).keys() - {"staged.loans"}


def test_a_folder_is_read_as_it_is(tmp_path: Path) -> None:
    other = copy(tmp_path / "other")
    edit(other / LOANS, "version: 1.0.0", "version: 1.1.0")
    earlier = earlier_contracts(str(other), WRITTEN)
    assert (earlier.of, earlier.contracts["staged.loans"].version, earlier.invalid) == (str(other), "1.1.0", {})


@pytest.mark.parametrize(
    ("against", "says"),
    [
        (
            "v9",
            r"--against v9: expected a folder with \*\.odcs\.yaml or a commit; git says: fatal: Needed a single rev",
        ),
        ("--output=x", r"--against --output=x: expected a folder with"),
        ("main:domain", r"--against main:domain: expected a folder with"),
        ("elsewhere", r".*/domain/contracts: expected contracts at elsewhere \([0-9a-f]{40}\), found none\."),
    ],
)
def test_where_there_are_none_it_is_said(git: Git, folder: Path, tmp_path: Path, against: str, says: str) -> None:
    git("commit", "-q", "--allow-empty", "-m", "nothing yet")
    git("branch", "elsewhere")
    commit(git)
    with pytest.raises(Misconfigured) as raised:
        earlier_contracts(against, folder)
    assert re.match(says, str(raised.value)), raised.value
    assert sorted(each.name for each in tmp_path.iterdir()) == [".git", "domain"]


def test_a_folder_in_no_repository_is_named(processes: None, folder: Path) -> None:
    with pytest.raises(Misconfigured, match=r"--against main: .*not a git repository"):
        earlier_contracts("main", folder)


def test_a_machine_without_git_is_told(processes: None, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(Misconfigured, match=r"--against main: .*; git is not on the PATH"):
        earlier_contracts("main", folder)
