"""What `pipeline query` shows of what is there, and what it refuses to read. The lake of these tests is empty."""

import json
from pathlib import Path

import pytest

from tests.running import Typed, typed


def query(sql: str, *arguments: str, home: Path) -> Typed:
    return typed("query", sql, *arguments, home=home, env={"PIPELINE_SETTINGS": str(home / "settings.toml")})


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("'{\"note\": [vip]}'", '{"note": [vip]}'),
        ("'[/foo]'", "[/foo]"),
        ("'[bold]x[/bold] \\[y]'", "[bold]x[/bold] \\[y]"),
        ("':smile:'", ":smile:"),
        ("chr(27) || '[31mred'", "\\x1b[31mred"),
        ("chr(155) || '31m'", "\\x9b31m"),
        ("'a' || chr(10) || 'b' || chr(13) || 'c' || chr(9) || 'd' || chr(8)", "a\\nb\\rc\\td\\x08"),
        ("'Ünïcode 日本 👍'", "Ünïcode 日本 👍"),
        ("[1, 2]", "[1, 2]"),
        ("NULL", ""),
    ],
)
def test_a_cell_is_shown_as_it_is_without_control_characters(home: Path, value: str, shown: str) -> None:
    ended = query(f'SELECT {value} AS "[vip]", \'end\' AS "e\x1b[1m"', home=home)
    assert (ended.code, ended.err) == (0, "")
    head, row = (line.rstrip() for line in ended.out.splitlines())
    assert head.split() == ["[vip]", "e\\x1b[1m"]
    assert row.removesuffix("end").rstrip() == shown


def test_json_has_no_control_characters_and_the_same_value(home: Path) -> None:
    value = "".join(map(chr, [*range(1, 32), *range(127, 160)]))
    codes = " || ".join(f"chr({ord(character)})" for character in value)
    ended = query(f"SELECT {codes} AS x", "--json", home=home)
    assert ended.out.rstrip("\n").isprintable()
    assert ended.json == [{"x": value}]


def test_decimals_are_text_with_all_their_digits_wherever_json_is_written(home: Path) -> None:
    sql = (
        "SELECT 1.10 AS \"a b\", 12345678901234567890.123456 AS whole, [{'x': 2.50}] AS lines, 0.5::DOUBLE AS f, 7 AS n"
    )
    wanted = {"a b": "1.10", "whole": "12345678901234567890.123456", "lines": [{"x": "2.50"}], "f": 0.5, "n": 7}
    assert query(sql, "--json", home=home).json == [wanted]
    assert query(sql, "--output", str(home / "rows.json"), home=home).code == 0
    assert json.loads((home / "rows.json").read_text()) == [wanted]


def test_an_error_that_carries_a_value_has_no_control_characters(home: Path) -> None:
    ended = query("SELECT CAST(chr(27) || '[31m' || x AS INTEGER) FROM (VALUES ('[/foo]')) t(x)", home=home)
    assert ended.code == 1
    assert "'\\x1b[31m[/foo]'" in ended.err
    assert "\x1b" not in ended.err


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT content FROM read_text('{file}')",
        "SELECT * FROM read_csv('{file}')",
        "SELECT * FROM '{file}'",
        "SELECT * FROM glob('{file}*')",
        "SELECT * FROM read_blob('{file}')",
        "SELECT * FROM sqlite_scan('{file}', 'x')",
    ],
)
def test_files_outside_the_lake_are_not_read(home: Path, sql: str) -> None:
    secret = home / "secrets.csv"
    secret.write_text("s3cr3t")
    out = home / "out.csv"
    for arguments in ((), ("--output", str(out))):
        ended = query(sql.format(file=secret), *arguments, home=home)
        assert (ended.code, ended.out) == (1, "")
        assert "s3cr3t" not in ended.err
        assert not out.exists()


def test_variables_of_this_program_are_no_tables(home: Path) -> None:
    ended = query("SELECT * FROM lake", home=home)
    assert (ended.code, ended.out) == (1, "")
    assert "lake does not exist" in ended.err
