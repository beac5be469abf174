"""A source from nothing to contracts and connection: what a person named, and what a sample shows of the rest.

Does not own: what is printed (cli). Invariant: nothing is written before all of it was tried.
"""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from re import fullmatch

from emr_jobs.contracts import InvalidContracts, Medium
from emr_jobs.contracts.lines import line_of
from emr_jobs.contracts.load import SUFFIX
from emr_jobs.core import settings as settings_module
from emr_jobs.core.errors import Misconfigured
from emr_jobs.core.partition import Partition
from emr_jobs.core.settings import Settings
from emr_jobs.domain import CONTRACTS, Domain, domain_of

from pipeline_assets.home import ROOT, profile
from pipeline_assets.scaffold import api, files, table
from pipeline_assets.scaffold.draft import UNKNOWN, Draft, Names, dataset_contract, draft_of, source_contract
from pipeline_assets.scaffold.guess import Doubt, Guess
from pipeline_assets.scaffold.page import Header, page_at
from pipeline_assets.scaffold.profiles import (
    PROFILES,
    Kind,
    Wanted,
    bucket_of,
    connection_of,
    line_of_connection,
    path_below,
    reused,
    with_connection,
)
from pipeline_assets.scaffold.render import contract_text
from pipeline_assets.scaffold.write import refuse_existing, require_loading, require_settings, write


@dataclass(frozen=True)
class Request:
    """What a person named: one of url, files and snowflake."""

    source: str
    url: str | None = None
    files: str | None = None
    snowflake: str | None = None
    sample: Path | None = None
    connection: str | None = None
    layer: str | None = None
    header: Header | None = None
    fetch: bool = False

    @property
    def kind(self) -> Kind:
        kinds: dict[Kind, str | None] = {"rest": self.url, "files": self.files, "snowflake": self.snowflake}
        named = [kind for kind, value in kinds.items() if value]
        if len(named) != 1:
            raise Misconfigured("a source is one of --url, --files and --snowflake: exactly one")
        if self.url is None and (self.fetch or self.header):
            raise Misconfigured("--fetch and --header are of a web API: --url")
        if self.fetch and self.sample:
            raise Misconfigured("--fetch asks for a page in the place of --sample: one of them")
        return named[0]


@dataclass(frozen=True)
class Open:
    """What a person must look at, and where."""

    file: Path
    line: int
    says: str


@dataclass(frozen=True)
class Outcome:
    draft: Draft
    files: Mapping[Path, str]  # new: the source's contract, the dataset's
    profiles: Mapping[Path, str]  # with the connection, those that had none
    notes: Sequence[str]  # what was taken as it is
    doubts: Sequence[tuple[Path, Doubt]]
    partition: Partition  # the latest that has ended

    @property
    def open(self) -> list[Open]:
        """Once it is written. A doubt of the settings is about the connection."""
        return [Open(file, self._line(file, doubt.path), doubt.says) for file, doubt in self.doubts]

    def _line(self, file: Path, path: str) -> int:
        if file in self.files:
            return line_of(file, path)
        return line_of_connection(file.read_text(), self.draft.names.connection)


def new_source(request: Request) -> Outcome:
    """Write it. Raises Misconfigured, and what is wrong with the sample; then nothing was written."""
    outcome = drafted(request)
    write(outcome.files, outcome.profiles)
    return outcome


def drafted(request: Request) -> Outcome:
    settings = {name: settings_module.load(str(profile(name))) for name in PROFILES}
    domain = _domain(settings["local"])
    place = _place(request, settings)
    names = _names(request, domain, place.connection)
    source_file, dataset_file = _files(domain, names)
    partition = domain.calendar.latest_complete(datetime.now(UTC))
    draft = draft_of(_guess(request, place, partition), names)
    contracts = {
        source_file: contract_text(source_contract(draft)),
        dataset_file: contract_text(dataset_contract(draft)),
    }
    by_name = {file.name: text for file, text in contracts.items()}
    require_loading(domain.folder / CONTRACTS, by_name, layers=domain.layers, jobs=domain.jobs)
    profiles = _profiles(settings, _wanted(request, place), domain.package.rpartition(".")[2])
    require_settings(profiles)
    doubts = [(source_file, doubt) for doubt in draft.doubts]
    if profile("production") in profiles:
        doubts += [(profile("production"), Doubt("", says)) for says in _connection_doubts(request, place)]
    return Outcome(draft, contracts, profiles, place.notes, doubts, partition)


def _domain(settings: Settings) -> Domain:
    try:
        return domain_of(settings)
    except InvalidContracts as error:
        raise Misconfigured(
            f"the domain {settings.domain} has {len(error.faults)} faults as it is. Mend them first: pipeline check"
        ) from error


@dataclass(frozen=True)
class _Place:
    """Where the source is: its connection, and what is below that."""

    kind: Kind
    connection: str
    below: str  # a path, or SCHEMA.TABLE
    above: str | None  # address of the API, bucket, database; None: not named
    notes: tuple[str, ...] = ()


def _place(request: Request, settings: Mapping[str, Settings]) -> _Place:
    kind, noun = request.kind, request.source.partition(".")[2]
    address, above, below = _address(request, kind)
    name = request.connection or reused(settings["production"], kind=kind, address=address) or noun
    for each in settings.values():
        other = each.connections.get(name)
        if other is not None and other.kind != kind:
            raise Misconfigured(
                f"connections.{name} is of kind {other.kind}, the source of kind {kind}. "
                "Take another: --connection NAME"
            )
    connection = settings["production"].connections.get(name)
    if connection is None:
        return _Place(kind, name, below, above)
    notes: tuple[str, ...] = (f"read through connections.{name}, which is there",)
    if address and (rest := path_below(address, connection)) is not None:
        return _Place(kind, name, rest if kind == "rest" else rest.removeprefix("/"), above, notes)
    if above and above != getattr(connection, "database", None):
        what = "database" if kind == "snowflake" else "address"
        notes += (f"connections.{name} of production has another {what} than {above}",)
    return _Place(kind, name, below, above, notes)


def _address(request: Request, kind: Kind) -> tuple[str | None, str | None, str]:
    """The whole address without its query, what is a connection's of it, and the rest."""
    if kind == "rest":
        parts = api.address(request.url or "")
        above, below = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
        return above + below, above, below
    if kind == "files":
        bucket, path = files.placed(request.files or "")
        return (f"s3://{bucket}/{path}", f"s3://{bucket}", path) if bucket else (None, None, path)
    database, named = table.named(request.snowflake or "")
    return None, database, named


def _names(request: Request, domain: Domain, connection: str) -> Names:
    if not fullmatch(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*", request.source):
        raise Misconfigured(f"{request.source}: expected SYSTEM.NAME in lower case, web_api.invoices for example")
    if not fullmatch(r"[a-z][a-z0-9_]*", connection):
        raise Misconfigured(f"--connection {connection}: expected letters, digits and underscores, in lower case")
    layer = request.layer or domain.layers.table[0]
    if layer not in domain.layers.table:
        raise Misconfigured(f"--layer {layer}: the domain has {', '.join(domain.layers.table)} (layers in domain.toml)")
    published = [contract for contract in domain.contracts.values() if contract.medium is Medium.TABLE]
    owners = Counter(contract.owner for contract in published)
    promised = Counter(f"{contract.available_by:%H:%M}" for contract in published if contract.available_by)
    return Names(
        request.source,
        layer,
        connection,
        domain.package.rpartition(".")[2],
        _most(owners) or UNKNOWN,
        _most(promised),
        domain.calendar.place,
    )


def _most(counted: Counter[str]) -> str | None:
    return counted.most_common(1)[0][0] if counted else None


def _files(domain: Domain, names: Names) -> tuple[Path, Path]:
    """Raises Misconfigured for what is there."""
    folder = domain.folder / CONTRACTS
    source, dataset = (folder / f"{each}{SUFFIX}" for each in (names.source, names.dataset))
    refuse_existing([source, dataset])
    if names.dataset in domain.contracts:
        raise Misconfigured(f"{names.dataset}: there is such a dataset; it has the rejects of a source")
    if f"extract_{names.noun}" in {job.name for job in domain.jobs}:
        raise Misconfigured(f"{names.source}: there is a job extract_{names.noun}; the source needs another name")
    return source, dataset


def _guess(request: Request, place: _Place, partition: Partition) -> Guess:
    if place.kind == "files":
        return files.guess_of(place.below, request.sample, source=request.source, partition=partition)
    if place.kind == "snowflake":
        return table.guess_of(place.below, request.sample, source=request.source, partition=partition)
    assert request.url is not None, request
    if request.fetch:
        page = page_at(request.url, request.header, partition)
        return api.guess_of(request.url, page.content, headers=page.headers, path=place.below)
    try:
        content = request.sample.read_bytes() if request.sample else None
    except OSError as error:
        raise Misconfigured(f"--sample {request.sample}: not readable ({error.strerror})") from error
    return api.guess_of(request.url, content, headers={}, path=place.below)


def _wanted(request: Request, place: _Place) -> Wanted:
    header = request.header.name if request.header and not request.header.is_bearer else None
    url, database = (place.above, None) if place.kind == "rest" else (None, place.above)
    return Wanted(place.connection, place.kind, url=url, header=header, database=database)


def _profiles(settings: Mapping[str, Settings], wanted: Wanted, domain: str) -> dict[Path, str]:
    """Those that have no such connection, with it."""
    found = {}
    for name, each in settings.items():
        file = profile(name)
        if wanted.name not in each.connections:
            state = os.path.relpath(ROOT / ".pipeline", file.parent)
            values = connection_of(wanted, name, domain=domain, state=state)
            found[file] = with_connection(file.read_text(), wanted.name, values)
    return found


def _connection_doubts(request: Request, place: _Place) -> Iterator[str]:
    name = place.connection
    match place.kind:
        case "rest" if request.header is None:
            yield f"connections.{name}.auth: bearer is a guess; none, header, query, basic and oauth2 are the others"
        case "files":
            parameter = f"{bucket_of(name)}={(place.above or '...').removeprefix('s3://')}"
            yield f"connections.{name}.uri: its bucket is a parameter: pipeline deploy --parameter {parameter}"
        case "snowflake":
            yield f"connections.{name}: account, user, role and warehouse are to be filled in"
