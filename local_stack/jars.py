"""The jars of versions.toml, fetched with the Ivy that PySpark ships: no build tool needed.

    python -m local_stack.jars        into .cache/jars/{spark,opensearch,yarn}; nothing to do when they are current

IVY_SETTINGS may name an ivysettings.xml, for instance to use a mirror of Maven Central.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from xml.etree import ElementTree as Xml

from local_stack import system_packages
from pipeline_assets.home import ROOT, cache

VERSIONS = ROOT / "versions.toml"
JARS = cache() / "jars"
KINDS = ("spark", "opensearch", "yarn")


def folder(kind: str) -> Path:
    return JARS / kind


def archive(kind: str) -> Path:
    """The AppCDS archive of these jars, which may not be there (class_archive makes it)."""
    return JARS / f"{kind}.jsa"


def fetch() -> bool:
    """Fetch what is missing; True when something was fetched. Raises system_packages.Missing."""
    system_packages.require(system_packages.PROGRAMS["java"], system_packages.this_system())
    if are_current():
        return False
    wanted = _wanted()
    print("fetching the jars of Spark, OpenSearch and YARN: 180 MB, some minutes", flush=True)  # noqa: T201  # progress
    shutil.rmtree(JARS, ignore_errors=True)
    JARS.mkdir(parents=True)
    ivy_file = JARS / "ivy.xml"
    ivy_file.write_bytes(ivy_xml(wanted))
    command = ["java", "-jar", str(_ivy()), "-ivy", str(ivy_file), "-cache", str(cache() / "ivy")]
    if settings := os.environ.get("IVY_SETTINGS"):
        command += ["-settings", settings]
    command += ["-retrieve", f"{JARS}/[conf]/[artifact]-[revision].[ext]"]
    with (JARS / "ivy.log").open("w") as log:
        done = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=False)
    missing = [kind for kind in KINDS if not list(folder(kind).glob("*.jar"))]
    if done.returncode or missing:
        raise SystemExit(f"jars: not fetched, see {JARS / 'ivy.log'}. Is Maven Central reachable?")
    _stamp().write_text(_hash(wanted))
    return True


def are_current() -> bool:
    """Whether those of versions.toml are there."""
    return _stamp().exists() and _stamp().read_text() == _hash(_wanted())


def _wanted() -> dict[str, list[str]]:
    return dict(tomllib.loads(VERSIONS.read_text())["jars"])


def _stamp() -> Path:
    return JARS / "stamp"


def _hash(wanted: dict[str, list[str]]) -> str:
    return hashlib.sha256(repr(wanted).encode()).hexdigest()


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
        fetch()
    except system_packages.Missing as error:
        sys.exit(str(error))
