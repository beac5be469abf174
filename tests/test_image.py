"""The image of the code location, as far as its files tell: it is built where Docker is."""

import re
import tomllib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest
import tomlkit

from pipeline_assets import versions
from pipeline_assets.home import ROOT
from pipeline_assets.versions import image_base, python_version
from tests.deployed import edited
from tests.domains import settings_domain
from tests.running import typed

LOCKED = re.compile(r"^([a-z0-9._-]+)(?:\[[^]]*\])?==(\S+)", re.MULTILINE)
NAME = re.compile(r"[A-Za-z0-9._-]+")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


@dataclass(frozen=True)
class Instruction:
    stage: int
    name: str
    arguments: str

    @property
    def copied(self) -> list[str]:
        """Sources of a COPY."""
        *sources, _ = [word for word in self.arguments.split() if not word.startswith("--")]
        return sources


def dockerfile() -> list[Instruction]:
    text = "\n".join(line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#"))
    found: list[Instruction] = []
    stage = 0
    for line in filter(None, text.replace("\\\n", " ").splitlines()):
        name, _, arguments = line.partition(" ")
        stage += name == "FROM"
        found.append(Instruction(stage, name, arguments.strip()))
    return found


def of_last_stage() -> list[Instruction]:
    last = dockerfile()[-1].stage
    return [each for each in dockerfile() if each.stage == last]


def from_checkout() -> set[str]:
    copies = [each for each in dockerfile() if each.name == "COPY" and "--from=" not in each.arguments]
    return {source for each in copies for source in each.copied}


def locked(name: str) -> dict[str, str]:
    return dict(LOCKED.findall((ROOT / name).read_text()))


def direct(requirements: list[str]) -> set[str]:
    return {NAME.match(each)[0].lower().replace("_", "-") for each in requirements}  # type: ignore[index]


def test_everything_that_is_copied_is_there() -> None:
    assert [source for source in sorted(from_checkout()) if not (ROOT / source).exists()] == []


def test_domain_of_the_settings_is_copied_where_it_is_built_and_where_it_runs() -> None:
    folder = str(settings_domain().folder.relative_to(ROOT))
    stages = [each.stage for each in dockerfile() if each.name == "COPY" and folder in each.copied]
    assert stages == [2, 3]


def test_docker_sees_what_is_copied_and_nothing_else() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "*"
    assert {line.removeprefix("!") for line in lines if line.startswith("!")} == from_checkout()


def test_modules_that_the_build_imports_are_there() -> None:
    ran = " ".join(each.arguments for each in dockerfile() if each.name == "RUN")
    imported = [f"{package}.{module}" for package, module in re.findall(r"from ([\w.]+) import (\w+)", ran)]
    assert imported
    assert [module for module in imported if find_spec(module) is None] == []


def test_base_is_that_of_versions_toml_a_release_of_the_clusters_python() -> None:
    (base,) = [each.arguments.removeprefix("BASE=") for each in dockerfile() if each.name == "ARG"]
    assert base == image_base()
    assert re.fullmatch(rf"python:{re.escape(python_version())}\.\d+-slim-bookworm(@sha256:[0-9a-f]{{64}})?", base)
    stages = [each.arguments.split(" AS ") for each in dockerfile() if each.name == "FROM"]
    assert {stage[0] for stage in stages} == {"${BASE}", "base"}


@pytest.mark.parametrize("digest", ["", "sha256:", "latest", f"sha256:{'g' * 64}"])
def test_deploy_refuses_a_base_without_its_digest_before_it_looks_at_the_account(
    digest: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "_versions", lambda: {"image": {"base": "python:3.11.15", "digest": digest}})
    settings = tmp_path / "deployment.toml"
    settings.write_text(tomlkit.dumps(edited()))
    ended = typed("deploy", "--yes", "--settings", str(settings), home=tmp_path)
    assert (ended.code, ended.out, ended.err) == (
        2,
        "",
        "Misconfigured: versions.toml: expected the digest of python:3.11.15 (sha256:…) in image.digest, found "
        f"{digest or 'none'}. Look it up, write it there and behind BASE in the Dockerfile: docker buildx imagetools "
        "inspect python:3.11.15 --format '{{.Manifest.Digest}}'\n",
    )


def test_base_with_its_digest_is_refused_nowhere_and_is_what_the_image_stands_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    digest = f"sha256:{'0a' * 32}"
    monkeypatch.setattr(versions, "_versions", lambda: {"image": {"base": "python:3.11.15", "digest": digest}})
    versions.refuse_unpinned_base()
    assert image_base() == f"python:3.11.15@{digest}"


def test_image_runs_as_a_user_that_is_not_root() -> None:
    last = [each.arguments for each in of_last_stage() if each.name == "USER"][-1]
    assert re.fullmatch(r"[1-9]\d*", last)
    after = of_last_stage()[[each.name for each in of_last_stage()].index("USER") + 1 :]
    assert {each.name for each in after} == {"EXPOSE", "CMD"}


def test_last_stage_installs_nothing_and_loses_what_could() -> None:
    ran = " ".join(each.arguments for each in of_last_stage() if each.name == "RUN")
    assert "pip uninstall --yes setuptools wheel pip" in ran
    assert " install -" not in ran.replace("install --directory", "")
    brought = [each.copied for each in of_last_stage() if "--from=build" in each.arguments]
    assert brought == [["/venv"], ["/app/.cache/jars/spark"], ["/app/.cache/packages"]]


def test_java_is_the_only_package_of_the_system() -> None:
    ran = " ".join(each.arguments for each in dockerfile() if each.name == "RUN")
    assert re.findall(r"apt-get install --yes --no-install-recommends (.*?) &&", re.sub(r" +", " ", ran)) == [
        "openjdk-17-jre-headless"
    ]


def test_image_has_the_versions_that_were_tested() -> None:
    tested = locked("requirements.lock")
    assert {name: version for name, version in locked("image.lock").items() if tested.get(name) != version} == {}


def test_image_has_what_the_project_its_instance_and_dagster_plus_need_and_no_tool() -> None:
    groups = PROJECT["dependency-groups"]
    needed = direct(PROJECT["project"]["dependencies"]) | direct(groups["instance"])
    assert needed >= {"dagster", "dagster-cloud"}, "where Dagster+ runs code, both are installed"
    assert needed - locked("image.lock").keys() == set()
    tools = direct(groups["test"]) | direct(groups["dev"]) | {"fakesnow", "moto", "pip", "setuptools", "wheel", "pex"}
    assert tools & locked("image.lock").keys() == set()


def test_every_package_of_the_image_has_hashes_and_no_address() -> None:
    text = (ROOT / "image.lock").read_text()
    blocks = re.split(r"\n(?=[a-z0-9])", text)
    assert len(blocks) == len(locked("image.lock"))
    assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []
    assert "://" not in text
