"""The domain is one room: a copy of the checkout without it says what lacks, and runs the fixture domain in its place.

What is done to the copy is what `pipeline new domain` tells: settings/ and what names the package name another one.
Its tests of tier fast run; they are collected with all others, so a test that imports the room that is gone fails
whatever its tier. Does not own: that no word of the domain stands outside of its room (test_rooms).
Invariant: nothing of this checkout is imported; the copy has an environment of its own, with the packages of this one.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest
import tomlkit

from pipeline_assets.home import ROOT, cache
from pipeline_assets.scaffold.domain import NAMED_IN
from tests.domains import LIBRARY, PROFILES, settings_domain


@dataclass(frozen=True)
class Copy:
    folder: Path

    @property
    def programs(self) -> Path:
        return self.folder / ".venv" / "bin"

    def run(self, program: str, *arguments: str, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
        """As after `make setup` in the copy, in a shell of its own."""
        own = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        return subprocess.run(
            [str(self.programs / program), *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=cwd or self.folder,
            env={**own, "PIPELINE_CACHE": str(cache()), "COLUMNS": "250"},
        )


_OURS = ("PIPELINE_", "DAGSTER_", "PYTHON", "PYTEST_", "SPARK_", "PYSPARK_", "AWS_", "VIRTUAL_ENV")


@pytest.fixture(scope="module")
def copy_without_the_domain(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    domain = settings_domain()
    if domain is LIBRARY:
        pytest.skip("settings/ names the fixture domain: there is no other one to take out")
    copy = Copy(tmp_path_factory.mktemp("without") / "checkout")
    not_tracked = [line.strip("/") for line in (ROOT / ".gitignore").read_text().splitlines()]
    shutil.copytree(ROOT, copy.folder, ignore=shutil.ignore_patterns(".git", *not_tracked))
    shutil.rmtree(copy.folder / domain.package)
    shutil.rmtree(copy.folder / "tests" / domain.package, ignore_errors=True)  # its tests are not everybody's
    make_environment(copy)
    return copy


@pytest.fixture(scope="module")
def copy_of_another_domain(copy_without_the_domain: Copy, tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """The fixture domain in the place of the one that was taken out, and its deployment generated."""
    copy = Copy(tmp_path_factory.mktemp("another") / "checkout")
    shutil.copytree(copy_without_the_domain.folder, copy.folder, ignore=shutil.ignore_patterns(".venv"))
    make_environment(copy)
    for settings in sorted((copy.folder / "settings").iterdir()):
        name_library(settings, connections_of=PROFILES / settings.name)
    for name in NAMED_IN:
        file = copy.folder / name
        library = LIBRARY.package if file.suffix == ".toml" else str(LIBRARY.folder.relative_to(ROOT))
        file.write_text(re.sub(rf"\b{settings_domain().package}\b", library, file.read_text()))
    synth = copy.run("pipeline", "synth")
    assert synth.returncode == 0, synth.stderr
    return copy


def make_environment(copy: Copy) -> None:
    """Python, the packages that are installed here, their programs, and the copy as the project."""
    venv.create(copy.folder / ".venv", symlinks=True)
    here, there = Path(sys.executable).parent, copy.programs
    (packages,) = (copy.folder / ".venv").glob("lib/python*/site-packages")
    # Paths that a .pth file names are taken as they are: the .pth files there, which name this checkout, are not read.
    (packages / "copy.pth").write_text(f"{copy.folder}\n{sysconfig.get_path('purelib')}\n")
    for program in filter(Path.is_file, here.iterdir()):
        if (there / program.name).exists():
            continue
        if program.read_bytes()[:2] == b"#!":
            (there / program.name).write_text(program.read_text().replace(str(here), str(there), 1))
            (there / program.name).chmod(0o755)
        else:
            (there / program.name).symlink_to(program)


def name_library(settings: Path, *, connections_of: Path) -> None:
    """Its profiles lie two folders deeper."""
    values = tomlkit.parse(settings.read_text())
    library = tomlkit.parse(connections_of.read_text().replace("../../../", "../"))
    values["domain"], values["connections"] = LIBRARY.package, library["connections"]
    settings.write_text(tomlkit.dumps(values))


def test_without_its_domain_a_checkout_says_what_lacks(copy_without_the_domain: Copy) -> None:
    package = settings_domain().package
    checked = copy_without_the_domain.run("pipeline", "check")
    assert checked.returncode == 1
    assert f"settings: domain {package}: there is no module {package}" in checked.stdout + checked.stderr
    assert "Traceback" not in checked.stderr


def test_nothing_of_this_checkout_is_imported_in_the_copy(copy_of_another_domain: Copy, tmp_path: Path) -> None:
    packages = "emr_jobs", "pipeline_assets", "local_stack", "tests.library"
    code = f"""
import importlib, importlib.util
for name in {packages}:
    print(importlib.import_module(name).__file__)
print(importlib.util.find_spec({settings_domain().package!r}))
"""
    done = copy_of_another_domain.run("python", "-c", code, cwd=tmp_path)
    files = [f"{copy_of_another_domain.folder}/{name.replace('.', '/')}/__init__.py" for name in packages]
    assert done.stdout.splitlines() == [*files, "None"], done.stderr


def test_another_domain_passes_the_check_and_is_what_is_deployed(copy_of_another_domain: Copy) -> None:
    checked = copy_of_another_domain.run("pipeline", "check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    explained = copy_of_another_domain.run("pipeline", "synth", "--explain").stdout
    templates = "".join(file.read_text() for file in (copy_of_another_domain.folder / "deployment").iterdir())
    for job in LIBRARY.jobs:
        assert job.name in explained
        assert job.name in templates
    assert [job.name for job in settings_domain().jobs if job.name in explained] == []
    assert settings_domain().package not in re.findall(r"\w+", templates)


@pytest.mark.timeout(1800)
def test_fast_tests_of_the_copy_pass(copy_of_another_domain: Copy) -> None:
    done = copy_of_another_domain.run("python", "-m", "pytest", "-n0", "-m", "fast")
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]


def test_demo_of_the_copy_publishes_a_day_of_the_other_domain(copy_of_another_domain: Copy) -> None:
    done = copy_of_another_domain.run("pipeline", "demo", "--rows", "50")
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert re.search(r"^marts\.lending, some of \d{4}-\d\d-\d\d$", done.stdout, re.MULTILINE)
    assert re.search(r"^find\.lending, one hit for 'lighthouse'$", done.stdout, re.MULTILINE)
