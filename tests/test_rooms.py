"""A domain is one room: nothing outside of it, and of tests/<domain>, imports it or names what only it has.

Looked for are names of the domain that settings/ name: of a dataset, with its layer and without; of a table or index of
others; of a job and its state; of a column. Those count that nobody writes by chance: with a dot or an underscore, or
with a capital within, as a state's; and only those that the fixture domain, which everybody may name, has not as well.
`status`, `orders`, and `master`, which is Spark's word too, are general language: no text tells whose they are. Nor do
those of the examples that README and scaffold add to a domain: whoever follows them has these, and so have their tests.
They are looked for in small letters and capitals, whole and within SQL and sentences, in every string of Python code,
docstrings too, and in SQL files. Does not own: which way else imports point (test_layers).

Where settings/ name the fixture domain there is no room beside it, and nothing is looked for.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from emr_jobs.contracts import Column
from emr_jobs.domain import Domain
from pipeline_assets.home import ROOT
from pipeline_assets.production.generate.daily_machine import state_name
from tests.domains import LIBRARY, settings_domain
from tests.test_layers import modules_of

DOMAIN = settings_domain()
FOLDERS = ("emr_jobs", "pipeline_assets", "local_stack", "tests")
ROOM = ROOT / "tests" / DOMAIN.package


def columns_in(columns: tuple[Column, ...]) -> Iterator[str]:
    for column in columns:
        yield column.name
        yield from columns_in(column.fields)


def names_in(domain: Domain) -> Iterator[str]:
    for contract in domain.contracts.values():
        yield from (contract.id, contract.name, contract.physical_name)
        yield from columns_in(contract.columns)
    for job in domain.jobs:
        yield from (job.name, state_name(job))


EXAMPLES = re.compile(r"(examples|invoices|returns|refunds)$|^(occurred_at|issued_at|erfasst_am)$", re.IGNORECASE)


def words(domain: Domain) -> set[str]:
    """In small letters."""
    telling = {name.lower() for name in names_in(domain) if re.search(r"[._]|[a-z][A-Z]", name)}
    return {name for name in telling if not EXAMPLES.search(name)} - {name.lower() for name in names_in(LIBRARY)}


def pattern_of(some: set[str]) -> re.Pattern[str]:
    longest_first = sorted(some, key=lambda word: (-len(word), word))
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)", re.IGNORECASE)


@cache
def texts_of(file: Path) -> list[tuple[int, str]]:
    """With the line where each begins."""
    if file.suffix == ".sql":
        return list(enumerate(file.read_text().splitlines(), start=1))
    constants = (node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Constant))
    return [(node.lineno, node.value) for node in constants if isinstance(node.value, str)]


def outside(*suffixes: str) -> list[Path]:
    files = [file for folder in FOLDERS for suffix in suffixes for file in sorted((ROOT / folder).rglob(f"*{suffix}"))]
    return [file for file in files if ROOM not in file.parents]


def test_nothing_is_looked_for_only_where_the_domain_is_the_fixture_one() -> None:
    assert bool(words(DOMAIN)) is (DOMAIN is not LIBRARY)
    assert not words(DOMAIN) & {"status", "orders", "master", "partition_date"}


def test_it_is_looked_for_in_every_folder() -> None:
    assert {file.relative_to(ROOT).parts[0] for file in outside(".py")} == set(FOLDERS)


@pytest.mark.parametrize(
    "text",
    [
        "{word}",
        "SELECT {word}\nFROM x",
        "x.{word} = 1",
        "no {word}: why",
        "s3://b/{word}/1",
        '"{word}"',
        "glue_x.{word}",
    ],
)
def test_a_word_is_seen_within_a_text(text: str) -> None:
    pattern = pattern_of({"spare_part", "parts.spare"})
    for word in ("spare_part", "SPARE_PART", "parts.spare"):
        assert pattern.findall(text.format(word=word)) == [word]
    assert pattern.findall(text.format(word="spare_parts")) == []


def test_no_text_outside_of_the_room_has_a_word_of_the_domain() -> None:
    looked_for = words(DOMAIN)
    pattern = pattern_of(looked_for)
    found = [
        f"{file.relative_to(ROOT)}:{line} {word}"
        for file in outside(".py", ".sql")
        for line, text in texts_of(file)
        for word in sorted(set(pattern.findall(text)))
        if looked_for
    ]
    assert found == []


def test_nothing_outside_of_the_room_imports_the_domain_or_its_tests() -> None:
    """Nor has a text that is such a module's name, for import_module or as a job's body; or a path into the room."""
    modules = re.compile(rf"(tests\.)?{re.escape(DOMAIN.package)}(\.\w+)*(:\w+)?")
    paths = re.compile(rf"(?<![\w/])(tests/)?{re.escape(DOMAIN.package.replace('.', '/'))}/")
    found = [
        f"{file.relative_to(ROOT)} {name}"
        for file in outside(".py")
        for name in sorted({*modules_of(file), *(text for _, text in texts_of(file))})
        if DOMAIN is not LIBRARY and (modules.fullmatch(name) or paths.search(name))
    ]
    assert found == []
