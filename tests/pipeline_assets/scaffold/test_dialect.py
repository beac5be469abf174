"""The dialect of a CSV, by its first bytes."""

import csv
import io

import pytest

from pipeline_assets.scaffold.dialect import dialect_of

ROWS = [
    ["Nr", "Titel", "Gebühr", "Anmerkung"],
    ["1", "Das Schloß; Roman", "2,50", 'eingerissen\nam "Rücken"'],
    ["2", "Momo", "0,00", ""],
    ["3", "Emil, und die Detektive", "1,25", "\n\n"],
]


def written(rows: list[list[str]], *, separator: str = ",", quote: str = '"', encoding: str = "utf-8") -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator, quotechar=quote).writerows(rows)
    return text.getvalue().encode(encoding)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("quote", ['"', "'"])
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16", "utf-8-sig"])
def test_separator_quote_and_encoding_are_those_it_was_written_with(separator: str, quote: str, encoding: str) -> None:
    found = dialect_of(written(ROWS, separator=separator, quote=quote, encoding=encoding), is_whole=True)
    assert (found.separator, found.quote, found.header, found.columns) == (separator, quote, True, 4)
    assert found.encoding == encoding.removesuffix("-sig")
    assert [key for key, _ in found.doubts] == (["encoding"] if encoding == "latin-1" else [])


def test_letters_of_windows_tell_it_from_latin_1() -> None:
    assert dialect_of(written([["Preis"], ["5 €"]], encoding="cp1252"), is_whole=True).encoding == "cp1252"


def test_a_first_row_of_values_is_no_header() -> None:
    found = dialect_of(written(ROWS[1:]), is_whole=True)
    assert (found.header, found.columns) == (False, 4)
    assert [key for key, _ in found.doubts] == ["header"]


def test_one_column_is_a_doubt() -> None:
    found = dialect_of(b"title\nMomo\n", is_whole=True)
    assert (found.separator, found.columns, [key for key, _ in found.doubts]) == (",", 1, ["separator"])


def test_a_head_that_is_cut_within_a_letter_and_a_row_is_read_to_there() -> None:
    head = written(ROWS * 3, separator=";")
    assert "ü".encode() in head
    cut = head[: head.rindex("ü".encode()) + 1]
    found = dialect_of(cut, is_whole=False)
    assert (found.encoding, found.separator, found.columns) == ("utf-8", ";", 4)
