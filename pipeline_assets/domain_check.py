"""Whether a domain fits together, before anything runs: contracts, jobs, settings, connections, graph, deployment.

Each fault names file and line where it has one. Reads files only: nothing is imported that a job would run, nothing is
asked of a service. Does not own: what is printed (cli).
"""

import ast
import re
from collections.abc import Iterator, Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from emr_jobs.catalog import BY_CONTRACT
from emr_jobs.contracts import Contract, InvalidContracts
from emr_jobs.contracts.lines import line_of
from emr_jobs.contracts.load import SUFFIX
from emr_jobs.contracts.read import Snowflake
from emr_jobs.core import settings as settings_module
from emr_jobs.core.errors import Misconfigured
from emr_jobs.core.settings import Settings
from emr_jobs.domain import CONTRACTS, Domain, domain_of
from emr_jobs.sources.statement import statement_of

from pipeline_assets.deployment import deployment
from pipeline_assets.findings import Check, Fault, Finding, Level, has_error, looked_at

_FAULT = re.compile(rf"(?P<name>\S+{re.escape(SUFFIX)}) (?P<path>\$\S*?):? (?P<says>.*)", re.DOTALL)


def check_domain(profiles: Mapping[str, Path]) -> list[Finding]:
    """`profiles`: settings files by name. What cannot be looked at because of an earlier fault is left out."""
    valid: dict[str, Settings] = {}
    found = list(
        looked_at((f"settings {name}", partial(_settings, name, path, valid)) for name, path in profiles.items())
    )
    if not valid:
        return found
    settings = next(iter(valid.values()))
    of_contracts = list(looked_at([("contracts", partial(_contracts, settings))]))
    found += of_contracts
    if has_error(of_contracts):
        return found
    checks: dict[str, Check] = {
        "jobs": partial(_jobs, domain_of(settings)),
        "statements": partial(_statements, domain_of(settings)),
        "defs": partial(_defs, domain_of(settings)),
    }
    checks |= {f"connections {name}": partial(_connections, each) for name, each in valid.items()}
    found += looked_at(checks.items())
    if not has_error(found):
        deployments = {name: each for name, each in valid.items() if each.production}
        found += looked_at((f"deployment {name}", partial(_deployment, each)) for name, each in deployments.items())
    return found


def _settings(name: str, path: Path, valid: dict[str, Settings]) -> Iterator[Fault]:
    """Puts what it has read among the valid ones."""
    try:
        valid[name] = settings_module.load(str(path))
    except Misconfigured as error:
        for fault in str(error).removeprefix(f"settings {path}: ").split("; "):
            yield _error(f"{path}: {fault}")


def _contracts(settings: Settings) -> Iterator[Fault]:
    """Also domain.toml and what jobs.py names."""
    try:
        domain_of(settings)
    except InvalidContracts as error:
        spec = find_spec(settings.domain)
        assert spec is not None, "its contracts were read"
        package = next(iter(spec.submodule_search_locations or ()))
        for fault in error.faults:
            yield _error(placed(fault, Path(package) / CONTRACTS))
    except Misconfigured as error:
        for fault in str(error).split("; "):
            yield _error(fault)


def placed(fault: str, folder: Path) -> str:
    """With the line: `<domain>/contracts/x.odcs.yaml:12 $.schema[0]: what is wrong`."""
    match = _FAULT.match(fault)
    if match is None:
        return fault
    file = folder / match["name"]
    return f"{_relative(file)}:{line_of(file, match['path'])} {match['path']}: {match['says']}"


def _relative(file: Path) -> str:
    try:
        return str(file.relative_to(Path.cwd()))
    except ValueError:
        return str(file)


def _jobs(domain: Domain) -> Iterator[Fault]:
    """What makes each job's datasets is there, and every source has a reader."""
    for job in domain.jobs:
        for named in (job.body or "", *(pick.function for pick in job.picks)):
            module, _, function = named.partition(":")
            if (missing := _missing(module, function)) is not None:
                yield _error(f"{job.declared_in}: {job.name}: {missing}")
    read = {source.id for job in domain.jobs for source in domain.sources_of(job)}
    for source in domain.sources:
        if source.id not in read:
            where = f"{domain.file_of(source)}:1"
            yield Fault(Level.WARNING, f"{where}: no job reads {source.id}", "Declare a dataset of it, or take it out")


def _statements(domain: Domain) -> Iterator[Fault]:
    """What is asked of each table that is read by contract can be asked."""
    day = domain.calendar.of(domain.calendar.start)
    for job in (each for each in domain.jobs if each.body == BY_CONTRACT):
        source, dataset = domain.contracts[job.inputs[0]], domain.contracts[job.outputs[-1]]
        if not isinstance(source.read, Snowflake):
            continue
        try:
            _ = statement_of(source, dataset, day, folder=domain.folder).parameters
        except Misconfigured as error:
            yield _error(f"{_where(domain, source)}: {error}")
        except OSError as error:
            yield _error(f"{_where(domain, source)}: {domain.folder / str(source.read.sql)}: {error.strerror}")


def _defs(domain: Domain) -> Iterator[Fault]:
    """What `dg scaffold defs` wrote names a source. dg looks at one file of a type only, whichever it finds last."""
    names = {source.id for source in domain.sources}
    for file in sorted(domain.folder.glob("defs/*/defs.yaml")):
        for number, line in enumerate(file.read_text().splitlines(), start=1):
            match = re.match(r"\s+contract:\s*(\S+)", line)
            if match and match[1] not in names:
                yield _error(f"{_relative(file)}:{number} {match[1]}: no contract of a source has this name")


def _missing(module: str, function: str) -> str | None:
    """By the text of the module: importing it would need what only a cluster has."""
    try:
        spec = find_spec(module)
    except ModuleNotFoundError:
        spec = None
    if spec is None or spec.origin is None:
        return f"there is no module {module}"
    defined = {node.name for node in ast.parse(Path(spec.origin).read_text()).body if isinstance(node, ast.FunctionDef)}
    return None if function in defined else f"{_relative(Path(spec.origin))} defines no function {function}"


def _connections(settings: Settings) -> Iterator[Fault]:
    domain, used = domain_of(settings), set()
    for source in domain.sources:
        assert source.read is not None, "a source"
        used.add(source.connection)
        connection = settings.connections.get(source.connection)
        where = _where(domain, source)
        if connection is None:
            yield _error(f"{where}: the settings have no [connections.{source.connection}]")
        elif connection.kind != source.read.kind:
            yield _error(
                f"{where}: connections.{source.connection} is of kind {connection.kind}, not {source.read.kind}"
            )
    for name in settings.connections.keys() - used:
        yield Fault(Level.WARNING, f"connections.{name}: no source is read through it", "Take it out")


def _where(domain: Domain, source: Contract) -> str:
    """How it is read."""
    file = domain.folder / CONTRACTS / f"{source.id}{SUFFIX}"
    return f"{_relative(file)}:{line_of(file, '$.customProperties.read')}"


def _deployment(settings: Settings) -> Iterator[Fault]:
    """The graph as state machines and roles."""
    try:
        made = deployment(settings_module.of_a_deployment(settings))
        assert made.main
    except Misconfigured as error:
        yield _error(str(error))


def _error(says: str) -> Fault:
    return Fault(Level.ERROR, says, "")
