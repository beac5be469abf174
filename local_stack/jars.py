"""The jars of versions.toml, fetched with the Ivy that PySpark ships: no build tool needed.

    python -m local_stack.jars         into .cache/jars/{spark,opensearch,yarn}; fetches nothing when they are current
    python -m local_stack.jars lock    fetch all of them anew and write their checksums into jars.lock

jars.lock has every jar, those that Ivy resolves too. One that differs from it, or that it does not have, is refused:
when it is fetched, and at every setup. IVY_SETTINGS may name an ivysettings.xml, for instance to use a mirror of
Maven Central.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from xml.etree import ElementTree as Xml

from local_stack import checksums, system_packages
from local_stack.checksums import Difference
from pipeline_assets.home import ROOT, cache

VERSIONS = ROOT / "versions.toml"
LOCK = ROOT / "jars.lock"
JARS = cache() / "jars"
KINDS = ("spark", "opensearch", "yarn")
HOW_TO_CHECK = "Written by make lock. By hand: cd .cache/jars && sha256sum --check ../../jars.lock"


def folder(kind: str) -> Path:
    return JARS / kind


def archive(kind: str) -> Path:
    """The AppCDS archive of these jars, which may not be there (class_archive makes it)."""
    return JARS / f"{kind}.jsa"


def fetch() -> bool:
    """Fetch them unless they are current; True when they were fetched. Raises system_packages.Missing."""
    _require_java()
    differing = _differing(JARS)
    if not differing:
        return False
    if wrong := [each for each in differing if each.is_wrong]:
        _say(f"{JARS} is not what jars.lock has, and is fetched again:", *wrong)
    shutil.rmtree(JARS, ignore_errors=True)
    _say("fetching the jars of Spark, OpenSearch and YARN: 180 MB, some minutes")
    ivy_cache = cache() / "ivy"
    with tempfile.TemporaryDirectory(dir=_made(cache()), prefix="jars.") as part:
        _retrieve(Path(part), ivy_cache)
        if refused := _differing(Path(part)):
            shutil.rmtree(ivy_cache)  # or the next fetch would take them from there
            raise SystemExit(
                "jars: what was fetched is not what jars.lock has, and was thrown away:\n"
                + "".join(f"  {each}\n" for each in refused)
                + "Fetch again: make setup. After a change of versions.toml: make lock, and review jars.lock"
            )
        for kind in KINDS:
            Path(part, kind).rename(_made(JARS) / kind)
    return True


def lock() -> None:
    """Write jars.lock from what a fetch without any cache brings."""
    _require_java()
    _say("fetching the jars once more, for their checksums: 180 MB, some minutes")
    with tempfile.TemporaryDirectory(dir=_made(cache()), prefix="jars.") as part:
        _retrieve(Path(part), Path(part, "ivy"))
        LOCK.write_text(checksums.render(_found(Path(part)), comment=HOW_TO_CHECK))


def are_current() -> bool:
    """Whether those of jars.lock are there, each with its bytes, and no other."""
    return not _differing(JARS)


def _differing(there: Path) -> list[Difference]:
    return checksums.differences(checksums.parse(LOCK.read_text()), _found(there))


def _found(there: Path) -> dict[str, str]:
    return {file: sha for kind in KINDS for file, sha in checksums.of_files(there, f"{kind}/*.jar").items()}


def _retrieve(into: Path, ivy_cache: Path) -> None:
    ivy_file = into / "ivy.xml"
    ivy_file.write_bytes(ivy_xml(tomllib.loads(VERSIONS.read_text())["jars"]))
    command = ["java", "-jar", str(_ivy()), "-ivy", str(ivy_file), "-cache", str(ivy_cache)]
    if settings := os.environ.get("IVY_SETTINGS"):
        command += ["-settings", settings]
    command += ["-retrieve", f"{into}/[conf]/[artifact]-[revision].[ext]"]
    written = cache() / "ivy.log"
    with written.open("w") as log:
        done = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=False)
    if done.returncode or not all(list(into.glob(f"{kind}/*.jar")) for kind in KINDS):
        raise SystemExit(f"jars: not fetched, see {written}. Is Maven Central reachable?")


def _require_java() -> None:
    system_packages.require(system_packages.PROGRAMS["java"], system_packages.this_system())


def _made(there: Path) -> Path:
    there.mkdir(parents=True, exist_ok=True)
    return there


def _say(*lines: object) -> None:
    print(*lines, sep="\n  ", flush=True)  # noqa: T201  # progress


def ivy_xml(wanted: dict[str, list[str]]) -> bytes:
    """Pure: the coordinates as an Ivy file with a configuration a kind."""
    module = Xml.Element("ivy-module", version="2.0")
    Xml.SubElement(module, "info", organisation="local", module="jars")
    configurations = Xml.SubElement(module, "configurations")
    dependencies = Xml.SubElement(module, "dependencies")
    for kind in KINDS:
        Xml.SubElement(configurations, "conf", name=kind)
        for coordinate in wanted[kind]:
            organisation, artifact, version = coordinate.removesuffix("!").split(":")
            Xml.SubElement(
                dependencies,
                "dependency",
                org=organisation,
                name=artifact,
                rev=version,
                conf=f"{kind}->default",
                transitive=str(not coordinate.endswith("!")).lower(),
            )
    for kind in KINDS:
        for organisation in wanted.get(f"{kind}_without", []):
            Xml.SubElement(dependencies, "exclude", org=organisation, conf=kind)
    return Xml.tostring(module)


def _ivy() -> Path:
    import pyspark

    (jar,) = Path(pyspark.__path__[0], "jars").glob("ivy-*.jar")
    return jar


if __name__ == "__main__":
    try:
        lock() if sys.argv[1:] == ["lock"] else fetch()
    except system_packages.Missing as error:
        sys.exit(str(error))
