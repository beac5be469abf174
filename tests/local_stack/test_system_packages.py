"""Java and Chromium: what is judged, what is installed, and what a person is told who has to do it."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from local_stack import system_packages
from local_stack.system_packages import PROGRAMS, Missing, System, advice, bring, java_lacks
from pipeline_assets.home import ROOT

OPENJDK_17 = 'openjdk version "17.0.15" 2025-04-15\nOpenJDK Runtime Environment (build 17.0.15+6-Debian-1deb12u1)\n'
OPENJDK_11 = OPENJDK_17.replace("17.", "11.")
DEBIAN = frozenset({"debian"})
UBUNTU = frozenset({"ubuntu", "debian"})


def system(family: frozenset[str] = frozenset(), *installers: str, uid: int = 1000) -> System:
    return System(family, uid, frozenset(installers))


@dataclass(frozen=True)
class Machine:
    """A PATH of its own, whose apt-get notes how it was called and makes what it was told to."""

    path: Path

    def has(self, command: str, script: str) -> None:
        (self.path / command).write_text(f"#!/bin/sh\n{script}\n")
        (self.path / command).chmod(0o755)

    def has_java(self, says: str) -> None:
        self.has("java", f"echo '{says}' >&2")

    def offers(self, *packages: str, install: str = ":") -> None:
        (self.path / "lists").mkdir()
        for package in packages:
            (self.path / "lists" / package).write_text(package)
        self.has("apt-cache", f'test "$1" = madison && cat "{self.path}/lists/$2"')
        self.has("apt-get", f'echo "$@" >> {self.path}/asked\ncase "$*" in *install*) {install};; esac')

    @property
    def asked(self) -> list[str]:
        noted = self.path / "asked"
        return noted.read_text().splitlines() if noted.exists() else []


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: None) -> Machine:
    for tool in ("sh", "cat", "cp", "make"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or pytest.fail(f"there is no {tool} on PATH"))
    monkeypatch.setenv("PATH", str(tmp_path))
    for inherited in ("JAVA_HOME", "MAKEFLAGS", "MAKELEVEL"):  # of the make that started the tests
        monkeypatch.delenv(inherited, raising=False)
    return Machine(tmp_path)


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        (None, "There is no Java on PATH."),
        (OPENJDK_17, None),
        (f"Picked up JAVA_TOOL_OPTIONS: -Dversion=1\n{OPENJDK_17}", None),
        ('openjdk version "21" 2023-09-19\n', None),
        (
            'java version "1.8.0_392"\nJava(TM) SE Runtime Environment\n',
            'Java on PATH is too old (java version "1.8.0_392"): Java 17 to 21 is needed.',
        ),
        (
            'openjdk version "16.0.2" 2021-07-20\n',
            'Java on PATH is too old (openjdk version "16.0.2" 2021-07-20): Java 17 to 21 is needed.',
        ),
        (
            'Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version "22-ea" 2024-03-19\n',
            'Java on PATH is too new (openjdk version "22-ea" 2024-03-19): Java 17 to 21 is needed.',
        ),
        ("gij (GNU libgcj)\n", "Java on PATH does not say its version: Java 17 to 21 is needed."),
    ],
    ids=["none", "17", "17 with options", "21", "8", "16", "22 with options", "no version"],
)
def test_java_is_judged_by_what_it_says_of_its_version(said: str | None, verdict: str | None) -> None:
    assert java_lacks(said, "on PATH") == verdict


@pytest.mark.parametrize(
    ("program", "where", "offered", "sentence"),
    [
        (
            "java",
            system(DEBIAN, "apt-get"),
            ["openjdk-17-jre-headless"],
            "Install it: sudo apt-get update && sudo apt-get install openjdk-17-jre-headless",
        ),
        (
            "java",
            system(DEBIAN, "apt-get", uid=0),
            ["openjdk-21-jre-headless"],
            "Install it: apt-get update && apt-get install openjdk-21-jre-headless",
        ),
        (
            "java",
            system(UBUNTU, "apt-get"),
            [],
            "Install it: sudo apt-get update && sudo apt-get install openjdk-17-jre-headless",
        ),
        (
            "java",
            system(frozenset({"fedora"}), "dnf"),
            [],
            "Install it: sudo dnf install java-21-openjdk-headless",
        ),
        ("java", system(frozenset({"rhel"}), "dnf", uid=0), [], "Install it: dnf install java-21-openjdk-headless"),
        (
            "java",
            system(frozenset(), "brew"),
            [],
            'Install it: brew install openjdk@21, and put "$(brew --prefix openjdk@21)/bin" first on PATH.',
        ),
        (
            "java",
            system(frozenset({"arch"}), uid=0),
            [],
            "Install it with the system's package manager, and see that it is on PATH.",
        ),
        (
            "chromium",
            system(DEBIAN, "apt-get"),
            ["chromium"],
            "Install it: sudo apt-get update && sudo apt-get install chromium",
        ),
        ("chromium", system(UBUNTU, "apt-get"), [], "Install it: sudo snap install chromium"),
        (
            "chromium",
            system(frozenset({"linuxmint"}) | UBUNTU, "apt-get"),
            ["chromium"],
            "Install it: sudo apt-get update && sudo apt-get install chromium",
        ),
        ("chromium", system(frozenset({"fedora"}), "dnf", "apt-get"), [], "Install it: sudo dnf install chromium"),
        ("chromium", system(frozenset(), "brew"), [], "Install it: brew install --cask chromium"),
    ],
)
def test_what_to_type_is_said_for_the_system(program: str, where: System, offered: list[str], sentence: str) -> None:
    assert advice(PROGRAMS[program], where, offered) == sentence


def test_nothing_is_asked_of_the_system_when_all_is_there(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.offers("openjdk-17-jre-headless", "chromium")
    machine.has_java(OPENJDK_17)
    machine.has("chromium-browser", ":")
    for program in PROGRAMS.values():
        bring(program, system(DEBIAN, "apt-get", uid=0))
    assert (machine.asked, capsys.readouterr().out) == ([], "")


@pytest.mark.parametrize("before", [None, OPENJDK_11], ids=["no Java", "Java 11"])
@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (["openjdk-17-jre-headless", "openjdk-21-jre-headless"], "openjdk-17-jre-headless"),
        (["openjdk-21-jre-headless"], "openjdk-21-jre-headless"),
    ],
    ids=["Debian 12", "Debian 13"],
)
def test_root_on_debian_gets_the_java_that_is_offered(
    machine: Machine, capsys: pytest.CaptureFixture[str], before: str | None, offered: list[str], chosen: str
) -> None:
    if before:
        machine.has_java(before)
    machine.has("new-java", f"echo '{OPENJDK_17}' >&2")
    machine.offers(*offered, install=f"cp {machine.path}/new-java {machine.path}/java")
    bring(PROGRAMS["java"], system(DEBIAN, "apt-get", uid=0))
    assert machine.asked == [
        "-qq -o DPkg::Lock::Timeout=120 update",
        f"-qq -o DPkg::Lock::Timeout=120 install --yes --no-install-recommends {chosen}",
    ]
    assert capsys.readouterr().out == f"installing {chosen} with apt-get\n"


def test_root_on_debian_gets_chromium(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.offers("chromium", install=f"cp {machine.path}/sh {machine.path}/chromium")
    bring(PROGRAMS["chromium"], system(DEBIAN, "apt-get", uid=0))
    assert machine.asked[1:] == ["-qq -o DPkg::Lock::Timeout=120 install --yes --no-install-recommends chromium"]
    assert (system_packages.chromium(), capsys.readouterr().out) == (
        f"{machine.path}/chromium",
        "installing chromium with apt-get\n",
    )


@pytest.mark.parametrize(
    ("offered", "install", "sentence"),
    [
        (
            ["openjdk-17-jre-headless"],
            "echo W: slow >&2; echo E: no route to host >&2; exit 100",
            "There is no Java on PATH. apt-get could not install openjdk-17-jre-headless: E: no route to host",
        ),
        (
            ["openjdk-17-jre-headless"],
            "exit 100",
            "There is no Java on PATH. apt-get could not install openjdk-17-jre-headless: exit code 100",
        ),
        (
            ["openjdk-17-jre-headless"],
            ":",
            "openjdk-17-jre-headless is installed, but another comes first: There is no Java on PATH.",
        ),
        (
            [],
            ":",
            "There is no Java on PATH. Install it: apt-get update && apt-get install openjdk-17-jre-headless",
        ),
    ],
    ids=["refused", "refused without a word", "another java first", "not offered"],
)
def test_an_installation_that_does_not_help_is_said(
    machine: Machine, offered: list[str], install: str, sentence: str
) -> None:
    machine.offers(*offered, install=install)
    with pytest.raises(Missing) as raised:
        bring(PROGRAMS["java"], system(DEBIAN, "apt-get", uid=0))
    assert str(raised.value) == sentence


@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        (
            system(DEBIAN, "apt-get"),
            "There is no chromium on PATH. Install it: sudo apt-get update && sudo apt-get install chromium",
        ),
        (system(frozenset({"fedora"}), "dnf", uid=0), "There is no chromium on PATH. Install it: dnf install chromium"),
    ],
    ids=["not root", "not Debian"],
)
def test_nothing_is_installed_where_it_is_not_ours_to(machine: Machine, where: System, sentence: str) -> None:
    machine.offers("chromium")
    with pytest.raises(Missing) as raised:
        bring(PROGRAMS["chromium"], where)
    assert (str(raised.value), machine.asked) == (sentence, [])


@pytest.mark.parametrize(
    ("says", "sentence"),
    [
        (None, "There is no Java in JAVA_HOME."),
        (OPENJDK_11, 'Java in JAVA_HOME is too old (openjdk version "11.0.15" 2025-04-15): Java 17 to 21 is needed.'),
    ],
    ids=["empty", "Java 11"],
)
def test_java_of_java_home_has_to_do_too(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, says: str | None, sentence: str
) -> None:
    machine.has_java(OPENJDK_17)
    home = Machine(machine.path / "jdk" / "bin")
    home.path.mkdir(parents=True)
    if says:
        home.has_java(says)
    monkeypatch.setenv("JAVA_HOME", str(home.path.parent))
    with pytest.raises(Missing) as raised:
        bring(PROGRAMS["java"], system(DEBIAN, "apt-get", uid=0))
    assert str(raised.value) == f"{sentence} Spark would start that one: unset JAVA_HOME, or name another."


def test_make_says_what_is_missing_before_it_fetches_anything(machine: Machine) -> None:
    """In a checkout whose .venv has an interpreter and nothing else, which also shows that no package is needed."""
    checkout = machine.path / "checkout"
    (checkout / "local_stack").mkdir(parents=True)
    for file in ("Makefile", "local_stack/__init__.py", "local_stack/system_packages.py"):
        shutil.copy(ROOT / file, checkout / file)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", checkout / ".venv"], check=True)
    java, chromium = "There is no Java on PATH.", "There is no chromium on PATH."
    for target, sentence in (("setup", java), ("demo", java), ("test", chromium), ("test-slow", chromium)):
        done = subprocess.run(["make", target], cwd=checkout, capture_output=True, text=True, check=False)
        how = "Install it with the system's package manager, and see that it is on PATH."
        assert (done.returncode, done.stdout, done.stderr.splitlines()[:1]) == (2, "", [f"{sentence} {how}"])


def test_make_refuses_a_python_that_does_not_do(machine: Machine) -> None:
    shutil.copy(ROOT / "Makefile", machine.path / "Makefile")
    for version in ("(3, 10)", "(3, 14)"):
        pretend = f"import sys; sys.version_info = {version}; exec(sys.argv[1])"
        machine.has("other", f'exec {sys.executable} -c "{pretend}" "$2"')
        command = ["make", "setup", "PYTHON=other"]
        done = subprocess.run(command, cwd=machine.path, capture_output=True, text=True, check=False)
        said = f"Python {version[1:-1].replace(', ', '.')} does not do, 3.11 to 3.13 does: make PYTHON=python3.11"
        assert (done.returncode, done.stdout, done.stderr.splitlines()[:1]) == (2, "", [said])
