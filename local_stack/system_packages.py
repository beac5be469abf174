"""What .venv cannot hold and the system has to: Java, and the Chromium that the tests of the UI drive.

    python -m local_stack.system_packages java chromium      says nothing when both are there

Installs on Debian and Ubuntu, as root; elsewhere it says in one sentence what to type. Runs before anything is
installed into .venv: imports the standard library only.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

# Spark 4.1 starts from 17 on. 24 and newer lack what Hadoop 3.4 asks for its user: it opens no file.
JAVA = range(17, 22)
JAVA_SPAN = f"Java {JAVA.start} to {JAVA.stop - 1}"
CHROMIUM_COMMANDS = ("chromium", "chromium-browser")  # Debian's and Fedora's
INSTALLERS = ("apt-get", "dnf", "brew")
LOCK_WAIT_S = 120  # a new cloud machine upgrades itself first


class Missing(Exception):
    """One sentence that says what is missing, and what to do."""


@dataclass(frozen=True)
class Program:
    """How to see what is wrong with it, and its packages; of Debian's, the first that is offered."""

    lacks: Callable[[], str | None]
    apt: tuple[str, ...]
    dnf: str
    brew: str
    snap: str | None = None  # where Ubuntu has it only as one


@dataclass(frozen=True)
class System:
    """What decides how a package is installed."""

    family: frozenset[str]  # ID and ID_LIKE of os-release; empty on a Mac
    uid: int
    installers: frozenset[str]  # which of INSTALLERS are on PATH

    @property
    def has_apt(self) -> bool:
        return not self.family.isdisjoint({"debian", "ubuntu"}) and "apt-get" in self.installers

    @property
    def may_install(self) -> bool:
        return self.has_apt and self.uid == 0


def this_system() -> System:
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        release = {}
    family = [release.get("ID", ""), *release.get("ID_LIKE", "").split()]
    return System(frozenset(filter(None, family)), os.geteuid(), frozenset(filter(shutil.which, INSTALLERS)))


def bring(program: Program, system: System) -> None:
    """Install it if it is missing and we may. Raises Missing."""
    lacks = program.lacks()
    if lacks and system.may_install:
        _run_apt("update")
        if offered := _offered(program):
            print(f"installing {offered[0]} with apt-get", flush=True)  # noqa: T201  # progress
            if failure := _run_apt("install", "--yes", "--no-install-recommends", offered[0]):
                raise Missing(f"{lacks} apt-get could not install {offered[0]}: {failure}")
            if still := program.lacks():
                raise Missing(f"{offered[0]} is installed, but another comes first: {still}")
    require(program, system)


def require(program: Program, system: System) -> None:
    """Installs nothing. Raises Missing."""
    if lacks := program.lacks():
        raise Missing(f"{lacks} {advice(program, system, _offered(program) if system.has_apt else ())}")


def advice(program: Program, system: System, offered: Sequence[str]) -> str:
    """Pure: what a person types. `offered` is which of Debian's packages the package lists have."""
    root = "" if system.uid == 0 else "sudo "
    if program.snap and "ubuntu" in system.family and not offered:
        return f"Install it: {root}snap install {program.snap}"
    if system.has_apt:
        return f"Install it: {root}apt-get update && {root}apt-get install {[*offered, *program.apt][0]}"
    if "dnf" in system.installers:
        return f"Install it: {root}dnf install {program.dnf}"
    if "brew" in system.installers:
        return f"Install it: {program.brew}"
    return "Install it with the system's package manager, and see that it is on PATH."


def java_lacks(said: str | None, where: str) -> str | None:
    """Pure: what is wrong with a Java that says this of its version, None of one that is not there."""
    if said is None:
        return f"There is no Java {where}."
    version = re.search(r'^.*version "(?:1\.)?(\d+).*', said, re.MULTILINE)
    if version is None:
        return f"Java {where} does not say its version: {JAVA_SPAN} is needed."
    number = int(version[1])
    if number in JAVA:
        return None
    age = "old" if number < JAVA.start else "new"
    return f"Java {where} is too {age} ({version[0]}): {JAVA_SPAN} is needed."


def chromium() -> str | None:
    return next(filter(None, map(shutil.which, CHROMIUM_COMMANDS)), None)


def spark_lacks_java() -> str | None:
    """What is wrong with the Java that spark-submit starts: JAVA_HOME's, without one PATH's."""
    home = os.environ.get("JAVA_HOME")
    return java_lacks(_java_version(f"{home}/bin/java"), "in JAVA_HOME") if home else _path_lacks_java()


def _path_lacks_java() -> str | None:
    return java_lacks(_java_version("java"), "on PATH")


def _lacks_java() -> str | None:
    """On PATH, where the stack's services find it, and of JAVA_HOME."""
    if lacks := _path_lacks_java():
        return lacks
    if lacks := spark_lacks_java():
        raise Missing(f"{lacks} Spark would start that one: unset JAVA_HOME, or name another.")
    return None


def _java_version(command: str) -> str | None:
    try:
        return subprocess.run([command, "-version"], capture_output=True, text=True, check=True).stderr
    except (OSError, subprocess.CalledProcessError):  # on a Mac without one, java is there and fails
        return None


def _lacks_chromium() -> str | None:
    return None if chromium() else f"There is no {CHROMIUM_COMMANDS[0]} on PATH."


def _offered(program: Program) -> tuple[str, ...]:
    """Empty before the first apt-get update of a new machine, too."""

    def has(package: str) -> bool:
        return bool(subprocess.run(["apt-cache", "madison", package], capture_output=True, check=False).stdout)

    return tuple(filter(has, program.apt))


def _run_apt(*arguments: str) -> str | None:
    """The last line of what went wrong, if anything did."""
    command = ["apt-get", "-qq", "-o", f"DPkg::Lock::Timeout={LOCK_WAIT_S}", *arguments]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if not done.returncode:
        return None
    return next(iter(reversed(done.stderr.splitlines())), f"exit code {done.returncode}")


PROGRAMS = {
    "java": Program(
        lacks=_lacks_java,
        apt=("openjdk-17-jre-headless", "openjdk-21-jre-headless"),  # Debian 12 has the first only, 13 the second
        dnf="java-21-openjdk-headless",
        brew='brew install openjdk@21, and put "$(brew --prefix openjdk@21)/bin" first on PATH.',
    ),
    "chromium": Program(
        lacks=_lacks_chromium,
        apt=("chromium",),
        dnf="chromium",
        brew="brew install --cask chromium",
        snap="chromium",
    ),
}


if __name__ == "__main__":
    try:
        for name in sys.argv[1:]:
            bring(PROGRAMS[name], this_system())
    except Missing as error:
        sys.exit(str(error))
