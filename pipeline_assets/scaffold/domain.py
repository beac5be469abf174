"""An empty domain: a package with a calendar, no jobs of its own, and one source that contracts alone read.

The source stands for those to come and is read through a connection of the settings. Does not own: the settings, which
name the domain; a person changes that. Invariant: nothing that is there is touched, and what is written loads.
"""

import keyword
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from importlib.util import find_spec
from pathlib import Path
from zoneinfo import available_timezones

from emr_jobs.contracts import Medium
from emr_jobs.contracts.load import SUFFIX, Layers
from emr_jobs.core import settings as settings_module
from emr_jobs.core.errors import Misconfigured
from emr_jobs.core.partition import Calendar
from emr_jobs.core.settings import FilesConnection, Settings
from emr_jobs.domain import CONTRACTS
from emr_jobs.domain import FILE as CALENDAR

from pipeline_assets.home import profile
from pipeline_assets.scaffold.draft import Names, dataset_contract, draft_of, source_contract
from pipeline_assets.scaffold.guess import Guess
from pipeline_assets.scaffold.infer import Field
from pipeline_assets.scaffold.profiles import PROFILES, line_of_connection
from pipeline_assets.scaffold.render import contract_text
from pipeline_assets.scaffold.write import require_loading, write

LAYERS = Layers(table=("intermediate", "final"), index=("search",))
NOUN = "examples"
RUN_AT, AVAILABLE_BY = time(8), "10:00"
NAMED_IN = ("Dockerfile", ".dockerignore", "pyproject.toml")  # that name the package of the domain, beside the settings


@dataclass(frozen=True)
class Line:
    """What a person changes, and where."""

    file: Path
    line: int
    says: str


@dataclass(frozen=True)
class NewDomain:
    files: Mapping[Path, str]
    change: Sequence[Line]


def new_domain(name: str, root: Path, *, timezone: str) -> NewDomain:
    """Write it below root. Raises Misconfigured; then nothing was written."""
    folder = root / name
    _refuse(name, folder, timezone)
    settings = {each: settings_module.load(str(profile(each))) for each in PROFILES}
    connection = _connection(settings)
    contracts = _contracts(name, connection, timezone=timezone)
    files = {
        folder / "__init__.py": f'"""The domain: the datasets of {name}, and the jobs that make them."""\n',
        folder / "defs" / "__init__.py": _DEFS,
        folder / "jobs.py": _JOBS,
        folder / CALENDAR: _calendar(timezone),
        **{folder / CONTRACTS / file: text for file, text in contracts.items()},
    }
    require_loading(folder / CONTRACTS, contracts, layers=LAYERS, jobs=())
    write(files, {})
    return NewDomain(
        files, [*_in_settings(name, settings, connection), *_in_files(name, settings["local"].domain, root)]
    )


def _refuse(name: str, folder: Path, timezone: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise Misconfigured(f"{name}: expected the name of a package, in lower case: letters, digits, underscores")
    if folder.exists():
        raise Misconfigured(f"{folder}: there already, and nothing is overwritten. Nothing was written")
    if find_spec(name) is not None:
        raise Misconfigured(f"{name}: there is a module of that name, which would be imported in its place")
    if timezone not in available_timezones():
        raise Misconfigured(f"--timezone {timezone}: no time zone of the IANA database, as Europe/Berlin is")


def _connection(settings: Mapping[str, Settings]) -> str:
    """One that every profile has, to files."""
    files = [
        {name for name, each in one.connections.items() if isinstance(each, FilesConnection)}
        for one in settings.values()
    ]
    common = sorted(set.intersection(*files))
    if not common:
        raise Misconfigured(
            "no connection to files is in every profile, and the first source is read through one. Add it to each: "
            '[connections.inbox] with kind = "files" and a uri'
        )
    return common[0]


def _contracts(domain: str, connection: str, *, timezone: str) -> dict[str, str]:
    fields = (
        Field("id", "string", 0, was_key=True),
        Field("occurred_at", "timestamp", 0),
        Field("amount", "number", 0, decimal=(18, 2)),
    )
    read = {"kind": "files", "path": f"{NOUN}/{{partition}}/*.jsonl.gz", "format": "json_lines"}
    place = Calendar(timezone, RUN_AT, _first_day()).place
    names = Names(f"files.{NOUN}", LAYERS.table[0], connection, domain, domain, AVAILABLE_BY, place)
    draft = draft_of(Guess(read, "json lines", fields, 0), names)
    return {
        f"{names.source}{SUFFIX}": contract_text(source_contract(draft)),
        f"{names.dataset}{SUFFIX}": contract_text(dataset_contract(draft)),
    }


def _in_settings(name: str, settings: Mapping[str, Settings], kept: str) -> Iterator[Line]:
    """A connection that no source is read through stops a deployment: no role may read its secret."""
    for each in PROFILES:
        file = profile(each)
        text = file.read_text()
        yield Line(file, _line(text, r"\s*domain\s*="), f'domain = "{name}"')
        for other in settings[each].connections:
            if other != kept:
                yield Line(
                    file, line_of_connection(text, other), f"without [connections.{other}], until a source needs it"
                )


def _in_files(name: str, before: str, root: Path) -> Iterator[Line]:
    for file in (root / each for each in NAMED_IN):
        if file.exists():
            lines = file.read_text().splitlines()
            named = [n for n, line in enumerate(lines, start=1) if re.search(rf"\b{re.escape(before)}\b", line)]
            yield from (Line(file, number, f"{name} in the place of {before}, or beside it") for number in named)


def _line(text: str, pattern: str) -> int:
    return next((number for number, line in enumerate(text.splitlines(), start=1) if re.match(pattern, line)), 1)


_DEFS = '"""What `dg scaffold defs` writes: of each source that it made, the name of its contract."""\n'
_JOBS = '''"""The jobs beside those that contracts are enough for: what each publishes, what makes it, how it is run."""

from emr_jobs.catalog import Job

JOBS: tuple[Job, ...] = ()
'''


def _first_day() -> date:
    yesterday = datetime.now(UTC).date() - timedelta(days=1)  # on New Year's Day, too, there is a day to run
    return yesterday.replace(month=1, day=1)


def _calendar(timezone: str) -> str:
    first = f"{LAYERS.table[0]}.{NOUN}"
    layers = {
        medium: ", ".join(f'"{each}"' for each in LAYERS.of(medium) or ()) for medium in (Medium.TABLE, Medium.INDEX)
    }
    return f"""\
# Where the days of this domain are, and what people see of it.

timezone = "{timezone}"
run_at = {RUN_AT} # local time of the daily run, on the day after the partition
start = {_first_day()} # first partition

[layers] # of the datasets, by what they are
table = [{layers[Medium.TABLE]}]
index = [{layers[Medium.INDEX]}]

[search.shows] # columns of `pipeline search find`: heading, field
id = "id"

[demo]
dataset = "{first}"
sql = "SELECT * FROM {first} WHERE partition_date = '{{partition}}' LIMIT 5"
words = "{NOUN}"
"""  # noqa: S608  # a query that is shown in the demo
