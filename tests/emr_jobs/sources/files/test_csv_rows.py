"""The records of CSV: no row lost, whatever the quotes of another one are."""

import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emr_jobs.contracts.read import Csv
from emr_jobs.reading.records import Broken
from emr_jobs.sources.files import bounds, csv_rows, csv_text
from emr_jobs.sources.files.refusals import Unreadable


def records(content: bytes, *, columns: tuple[str, ...] = (), **declared: Any) -> list[Any]:
    rows = csv_rows.records(io.BytesIO(content), Csv(**declared), columns)
    return [record for batch in rows for record in batch]


def of(*rows: bytes) -> list[Any]:
    """Of a file with the columns id, title, fee: a whole record as its fields, one that is broken as its bytes."""
    found = records(b"".join([b"id,title,fee\n", *rows]))
    return [record.raw if isinstance(record, Broken) else tuple(record.values()) for record in found]


def test_a_row_is_a_dict_by_the_names_of_the_header() -> None:
    assert records(b'loan,"the title",\r\nL-1,Emma,\r\nL-2,"a, ""b""",x') == [
        {"loan": "L-1", "the title": "Emma", "": ""},
        {"loan": "L-2", "the title": 'a, "b"', "": "x"},
    ]


def test_without_a_header_the_first_row_is_a_record() -> None:
    assert records(b"L-1;Emma\nL-2;;\n", columns=("loan", "title"), header=False, separator=";") == [
        {"loan": "L-1", "title": "Emma"},
        Broken(b"L-2;;"),
    ]


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("utf-8", "\ufeffid,title\n1,Süd\n".encode()),
        ("UTF-8-sig", "\ufeffid,title\n1,Süd\n".encode()),
        ("latin-1", "id,title\n1,Süd\n".encode("latin-1")),
        ("utf-16", "id,title\n1,Süd\n".encode("utf-16")),
    ],
)
def test_a_file_is_decoded_as_declared_and_a_byte_order_mark_is_no_part_of_a_name(
    encoding: str, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    for chunk_bytes in (1, 4096):
        monkeypatch.setattr(bounds, "CHUNK_BYTES", chunk_bytes)
        assert records(content, encoding=encoding) == [{"id": "1", "title": "Süd"}]


def test_a_row_with_bytes_of_another_encoding_is_broken_and_keeps_them() -> None:
    assert of(b"1,Emma,2\n", b"2,Jos\xe9,3\n", "3,José,4\n".encode()) == [
        ("1", "Emma", "2"),
        b"2,Jos\xe9,3",
        ("3", "José", "4"),
    ]
    with pytest.raises(Unreadable, match=r"^that is not in utf-16$"):
        records("id\n1\n".encode("utf-16") + b"\x00\xd8\x00", encoding="utf-16")


A, C = (b"1,a,1\n", b"3,c,3\n")


@pytest.mark.parametrize(
    ("rows", "broken"),
    [
        ([b"2,x\n"], [b"2,x"]),
        ([b"2,x,y,z\r\n"], [b"2,x,y,z"]),
        ([b"   \n"], [b"   "]),
        ([b'2,"x\ny"\n'], [b'2,"x\ny"']),
        ([b'2,"x"z,y\n'], [b'2,"x"z,y']),
        ([b'2,"x" ,y\n'], [b'2,"x" ,y']),
        ([b'2,"x,y\n'], [b'2,"x,y']),
        ([b'2,"x,y\n', b'2,"x,y\n'], [b'2,"x,y', b'2,"x,y']),
        ([b'2,"x,""y\n'], [b'2,"x,""y']),
    ],
    ids=[
        *("too few fields", "too many", "spaces", "too few, over two lines", "text after a quote", "a space after it"),
        *("a quote not closed", "two of them", "a doubled one in it"),
    ],
)
def test_a_row_that_is_wrong_takes_no_other_with_it(rows: list[bytes], broken: list[bytes]) -> None:
    whole = [("1", "a", "1"), ("3", "c", "3"), ("4", "d\n,4", "4"), ("5", "e", "5")]
    others = [A, C, b'4,"d\n,4",4\n', b"5,e,5"]
    for place in range(len(others)):
        content = [*others[:place], *rows, *others[place:]]
        assert of(*content) == [*whole[:place], *broken, *whole[place:]], place
    assert of(*others, b"\n", *rows) == [*whole, *broken]


def test_a_quote_within_a_field_is_a_character() -> None:
    assert of(b'1,a 12" disc,1\n') == [("1", 'a 12" disc', "1")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_rows_end_as_the_first_one_does_and_the_other_break_is_a_character(end: str) -> None:
    other = "\n" if end == "\r" else "\r"
    rows = ['id,"the\r\ntitle"', f"1,a{other}b", f'2,"c{other}{end}{other}d"', f"3,e{other}f,g", "4,h", "", "5,i"]
    name = "the\r\ntitle"
    assert records(end.join(rows).encode()) == [
        {"id": "1", name: f"a{other}b"},
        {"id": "2", name: f"c{other}{end}{other}d"},
        Broken(f"3,e{other}f,g".encode()),
        {"id": "4", name: "h"},
        {"id": "5", name: "i"},
    ]


def test_some_rows_may_end_as_on_another_system() -> None:
    for end in ("\n", "\r\n", "\r\r\n"):
        rows = [{"id": "1"}, {"id": "2"}, {"id": "3"}, {"id": "\ufeff4"}]
        assert records(f"id{end}1\n2{end}3\r\n\ufeff4\r".encode()) == rows


def test_where_the_first_row_ends_is_not_looked_for_through_the_whole_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quote within its field hides it: rows end in \\n then."""
    content = b'1" x,a\n2,b\n3,c\n'
    rows = [{"id": '1" x', "title": "a"}, {"id": "2", "title": "b"}, {"id": "3", "title": "c"}]
    assert records(content, header=False, columns=("id", "title")) == rows
    monkeypatch.setattr(csv_text, "HEAD_CHARS", 9)
    monkeypatch.setattr(bounds, "CHUNK_BYTES", 5)
    file = io.BytesIO(content)
    assert next(csv_rows.records(file, Csv(header=False), ("id", "title"))) == rows[:1]
    assert file.tell() < len(content)


def test_empty_lines_are_no_rows() -> None:
    assert of(b"\n\r\n", A, b"\n", C, b"\n\n") == [("1", "a", "1"), ("3", "c", "3")]
    assert records(b"\n\nid\n\n1\n\n") == [{"id": "1"}]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "that has no header that can be read"),
        (b"\n\n", "that has no header that can be read"),
        (b'id,"title\n1,Emma\n', "that has no header that can be read"),
        (b"id,Gr\xf6\xdfe\n1,2\n", "that has no header that can be read"),
        (b"id,title,id\n1,Emma,2\n", "that has 2 columns with the name 'id'"),
    ],
    ids=["nothing", "empty lines", "a quote not closed", "another encoding", "a name twice"],
)
def test_a_file_without_names_for_its_columns_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(Unreadable) as error:
        records(content)
    assert str(error.value) == said


def test_a_header_alone_is_a_file_without_records() -> None:
    assert records(b"id,title") == []


def test_a_field_may_be_longer_than_pythons_reader_allows_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    long = b"x" * 200_000
    assert of(b"1," + long + b",1\n") == [("1", long.decode(), "1")]
    monkeypatch.setattr(csv_rows, "ROW_CHARS", 100_000)
    assert of(A, b"2," + long + b",2\n", C) == [("1", "a", "1"), b"2," + long + b",2", ("3", "c", "3")]


def test_a_quote_that_is_not_closed_is_looked_after_for_so_long_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_rows, "ROW_CHARS", 20)
    assert of(b'2,"x,y\n', *[A] * 5) == [b'2,"x,y', *[("1", "a", "1")] * 5]
    assert of(*[A] * 5, b'2,"x\ny",2\n') == [*[("1", "a", "1")] * 5, ("2", "x\ny", "2")]
    closing_and_opening = b'1,x",y,"z\n'
    assert of(b'2,"x\n', *[closing_and_opening] * 3, b'3,y",z\n') == [
        b'2,"x',
        *[b'1,x",y,"z'] * 2,
        b'1,x",y,"z\n3,y",z',
    ]
    monkeypatch.setattr(csv_rows, "REREAD_CHARS", 50)
    with pytest.raises(Unreadable, match=r"^that has too many quotes that are not closed$"):
        of(b'2,"x\n', *[closing_and_opening] * 9)


def test_a_line_without_an_end_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "LONGEST_LINE_BYTES", 2**23)
    with pytest.raises(Unreadable, match=r"^that unpacks to a line of more than 8 MiB$"):
        of(bytes(2**24))


def test_batches_are_bounded_by_records_and_by_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "CHUNK_BYTES", 16)
    monkeypatch.setattr(bounds, "BATCH_RECORDS", 3)
    long = ("a" * 14, "b" * 14, "c" * 14)
    content = "\n".join(["id", "1", "2", "3", "4", "5", *long, "6"])
    rows = csv_rows.records(io.BytesIO(content.encode()), Csv(), ())
    assert [[record["id"] for record in batch] for batch in rows] == [
        ["1", "2", "3"],
        ["4", "5", long[0]],
        [long[1]],
        [long[2]],
        ["6"],
    ]


@given(st.data())
def test_what_a_csv_writer_wrote_is_read_back(data: st.DataObject) -> None:
    marks = st.sampled_from(",;\t|:'\"^§ x")
    separator, quote = data.draw(st.lists(marks, min_size=2, max_size=2, unique=True))
    encoding = data.draw(st.sampled_from(["utf-8", "utf-16", "latin-1"]))
    letters = st.sampled_from([separator, quote, "\r", "\n", "a", " ", "\0"]) | st.characters(codec=encoding)
    names = data.draw(st.lists(st.text("bc", min_size=1), min_size=1, max_size=4, unique=True))
    text = st.text(letters, max_size=8)
    rows = data.draw(st.lists(st.lists(text, min_size=len(names), max_size=len(names)), max_size=6))
    end = data.draw(st.sampled_from(["\n", "\r\n", "\r"]))
    quoting = data.draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    # Python's writer, before 3.13, gives no quotes to the other systems' line breaks: nobody can tell \r before \n, and
    # \n where rows end with \r, from the end of a row.
    if end == "\n":
        rows = [[*others, last.rstrip("\r")] for *others, last in rows]
    if end == "\r" and quoting == csv.QUOTE_MINIMAL:
        rows = [[value.replace("\n", "") for value in row] for row in rows]
    written = io.StringIO(newline="")
    csv.writer(
        written,
        delimiter=separator,
        quotechar=quote,
        quoting=quoting,
        lineterminator=end,
    ).writerows([names, *rows])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bounds, "CHUNK_BYTES", data.draw(st.integers(1, 40)))
        read = records(written.getvalue().encode(encoding), encoding=encoding, separator=separator, quote=quote)
    assert read == [dict(zip(names, row, strict=True)) for row in rows]


@given(st.lists(st.text('a",\n\r', max_size=9), max_size=6), st.integers(1, 40))
def test_every_line_is_part_of_one_record(lines: list[str], chunk_bytes: int) -> None:
    """Of any text: what is whole says what it was made of, what is broken is kept as it is."""
    content = "\n".join(lines)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bounds, "CHUNK_BYTES", chunk_bytes)
        read = records(content.encode(), header=False, columns=("id", "title"))
    kept = "".join(each.raw.decode() if isinstance(each, Broken) else "".join(each.values()) for each in read)
    assert kept.count("a") == content.count("a")
