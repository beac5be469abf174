"""Jars are those of jars.lock, or none. How Java is judged and installed: test_system_packages."""

import hashlib
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from local_stack import checksums, jars

HOW = "Install it with the system's package manager, and see that it is on PATH."


@pytest.mark.usefixtures("processes")
@pytest.mark.parametrize(
    ("java", "sentence"),
    [
        (None, "There is no Java on PATH."),
        (
            "echo 'openjdk version \"11.0.2\" 2019-01-15' >&2",
            'Java on PATH is too old (openjdk version "11.0.2" 2019-01-15): Java 17 to 21 is needed.',
        ),
        (
            "echo 'openjdk version \"25.0.3\" 2026-04-21 LTS' >&2",
            'Java on PATH is too new (openjdk version "25.0.3" 2026-04-21 LTS): Java 17 to 21 is needed.',
        ),
    ],
    ids=["missing", "too old", "too new"],
)
def test_no_jar_is_fetched_without_a_java_that_does(tmp_path: Path, java: str | None, sentence: str) -> None:
    if java is not None:
        (tmp_path / "java").write_text(f"#!/bin/sh\n{java}\n")
        (tmp_path / "java").chmod(0o755)
    cache = tmp_path / "cache"
    done = subprocess.run(
        [sys.executable, "-m", "local_stack.jars"],
        env={"PATH": str(tmp_path), "PIPELINE_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{sentence} {HOW}\n")
    assert not cache.exists()


@dataclass(frozen=True)
class Checkout:
    """Its versions.toml wants three jars of a Maven repository in a folder; Ivy is the real one."""

    maven: Path
    lock: Path
    jars: Path

    def publish(self, artifact: str, content: str, *, needs: str = "") -> None:
        folder = self.maven / "org" / "acme" / artifact / "1.0"
        folder.mkdir(parents=True, exist_ok=True)
        dependency = f"<dependency><groupId>org.acme</groupId><artifactId>{needs}</artifactId><version>1.0</version>"
        (folder / f"{artifact}-1.0.pom").write_text(
            "<project><modelVersion>4.0.0</modelVersion><groupId>org.acme</groupId>"
            f"<artifactId>{artifact}</artifactId><version>1.0</version>"
            f"<dependencies>{f'{dependency}</dependency>' if needs else ''}</dependencies></project>"
        )
        (folder / f"{artifact}-1.0.jar").write_text(content)

    def there(self) -> dict[str, str]:
        return {path.relative_to(self.jars).as_posix(): path.read_text() for path in self.jars.rglob("*.jar")}


@pytest.fixture
def checkout(processes: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    made = Checkout(tmp_path / "maven", tmp_path / "jars.lock", tmp_path / "cache" / "jars")
    wanted = "\n".join(f'{kind} = ["org.acme:{kind}:1.0"]' for kind in jars.KINDS)
    (tmp_path / "versions.toml").write_text(f"[jars]\n{wanted}\n")
    (tmp_path / "ivysettings.xml").write_text(
        '<ivysettings><settings defaultResolver="maven"/><resolvers>'
        f'<ibiblio name="maven" m2compatible="true" root="{made.maven.as_uri()}/"/></resolvers></ivysettings>'
    )
    for kind in jars.KINDS:
        made.publish(kind, f"{kind} as published", needs="beneath" if kind == "spark" else "")
    made.publish("beneath", "beneath as published")
    monkeypatch.setenv("PIPELINE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("IVY_SETTINGS", str(tmp_path / "ivysettings.xml"))
    monkeypatch.setattr(jars, "VERSIONS", tmp_path / "versions.toml")
    monkeypatch.setattr(jars, "LOCK", made.lock)
    monkeypatch.setattr(jars, "JARS", made.jars)
    jars.lock()
    return made


PUBLISHED = {
    "spark/spark-1.0.jar": "spark as published",
    "spark/beneath-1.0.jar": "beneath as published",
    "opensearch/opensearch-1.0.jar": "opensearch as published",
    "yarn/yarn-1.0.jar": "yarn as published",
}


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_lock_has_every_jar_with_those_that_others_need_and_sha256sum_reads_it(checkout: Checkout) -> None:
    assert checksums.parse(checkout.lock.read_text()) == {file: sha256(text) for file, text in PUBLISHED.items()}
    assert "://" not in checkout.lock.read_text()
    assert (jars.fetch(), checkout.there(), jars.fetch()) == (True, PUBLISHED, False)
    done = subprocess.run(["sha256sum", "--check", "--strict", checkout.lock], cwd=checkout.jars, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


def test_jar_with_another_byte_is_refused_and_nothing_of_the_fetch_is_kept(checkout: Checkout) -> None:
    checkout.publish("beneath", "beneath, altered")
    with pytest.raises(SystemExit) as refused:
        jars.fetch()
    locked, found = sha256("beneath as published"), sha256("beneath, altered")
    assert str(refused.value) == (
        "jars: what was fetched is not what jars.lock has, and was thrown away:\n"
        f"  spark/beneath-1.0.jar: expected sha256 {locked}, found {found}\n"
        "Fetch again: make setup. After a change of versions.toml: make lock, and review jars.lock"
    )
    assert [path.name for path in (checkout.jars.parent).iterdir()] == ["ivy.log"]
    checkout.publish("beneath", "beneath as published")
    assert (jars.fetch(), checkout.there()) == (True, PUBLISHED)


def test_jar_that_the_lock_does_not_have_is_refused(checkout: Checkout) -> None:
    checkout.publish("yarn", "yarn as published", needs="new")
    checkout.publish("new", "new")
    with pytest.raises(SystemExit, match=rf"yarn/new-1\.0\.jar: expected not there, found {sha256('new')}\n"):
        jars.fetch()
    assert checkout.there() == {}


def test_jar_that_changed_or_came_since_the_fetch_is_replaced_and_named(
    checkout: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    jars.fetch()
    assert jars.are_current()
    (checkout.jars / "yarn" / "yarn-1.0.jar").write_text("yarn, altered")
    (checkout.jars / "spark" / "another.jar").write_text("on the class path")
    capsys.readouterr()
    assert not jars.are_current()
    assert (jars.fetch(), checkout.there()) == (True, PUBLISHED)
    assert capsys.readouterr().out.startswith(
        f"{checkout.jars} is not what jars.lock has, and is fetched again:\n"
        f"  yarn/yarn-1.0.jar: expected sha256 {sha256('yarn as published')}, found {sha256('yarn, altered')}\n"
        "fetching the jars"
    )


def test_lock_of_the_repository_has_every_jar_of_versions_toml() -> None:
    locked = checksums.parse(jars.LOCK.read_text())
    wanted = tomllib.loads(jars.VERSIONS.read_text())["jars"]
    named = {
        f"{kind}/{artifact}-{version}.jar"
        for kind in jars.KINDS
        for _, artifact, version in (each.removesuffix("!").split(":") for each in wanted[kind])
    }
    assert named - locked.keys() == set()
