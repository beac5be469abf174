"""CSV: each row as a dict of texts by the names of its columns.

An empty line is no row. A row is Broken when it has another number of fields than there are names, bytes that are not
of the encoding, or text after a closing quote. A quote that is opened and not closed would take the rows after it for
its text: that one line is Broken, and reading goes on with the next.
By Python's strict reader: pyarrow's gives about twice the rows a second, but took those rows with it, gave `"x"z` as xz
and failed the whole file at a byte that is not UTF-8.
Does not own: where a line ends (csv_text). Invariant: every line but the header and the empty ones is part of exactly
one record.
"""

import csv
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from emr_jobs.contracts.read import Csv
from emr_jobs.reading.records import Broken
from emr_jobs.sources.files import bounds
from emr_jobs.sources.files.csv_text import Lines
from emr_jobs.sources.files.opening import Content
from emr_jobs.sources.files.refusals import Unreadable, require_once_each

ROW_CHARS = 16 * 2**20  # a quote that is open for longer is not closed; the reader has 4 bytes a character
REREAD_CHARS = 256 * 2**20  # of a file, after quotes that are not closed: each could lead to its end


def records(content: Content, declared: Csv, columns: Sequence[str]) -> Iterator[list[Any]]:
    """`columns`: in the file's order, where it has no header."""
    lines = Lines(content, declared)
    rows = _Rows(lines, declared)
    names = _header(rows) if declared.header else columns
    batch: list[Any] = []
    chunk = lines.chunk
    for row in rows:
        if row is None or len(row) != len(names):
            batch.append(Broken(rows.raw))
        else:
            batch.append(dict(zip(names, row, strict=True)))
        if len(batch) >= bounds.BATCH_RECORDS or lines.chunk != chunk:
            yield batch
            batch, chunk = [], lines.chunk
    if batch:
        yield batch


def _header(rows: "_Rows") -> list[str]:
    names = next(iter(rows), None)
    if names is None:
        raise Unreadable("that has no header that can be read")
    require_once_each(names)
    return names


class _Rows:
    """The rows of a file, None for one that cannot be read; `raw` is the last one's own bytes."""

    def __init__(self, lines: Lines, declared: Csv) -> None:
        self._source = lines
        self._lines = iter(lines)
        self._dialect: dict[str, Any] = {"delimiter": declared.separator, "quotechar": declared.quote, "strict": True}
        self._again: deque[str] = deque()  # lines after one whose quote is not closed
        self._taken: list[str] = []  # the lines of this row
        self._reread_chars = 0
        self._rows = self._read()
        csv.field_size_limit(ROW_CHARS)  # of this process; it begins with 128 Ki

    def __iter__(self) -> Iterator[list[str] | None]:
        return self._rows

    @property
    def raw(self) -> bytes:
        return self._source.raw(self._taken)

    def _read(self) -> Iterator[list[str] | None]:
        is_whole = False
        while not is_whole:
            try:
                for row in csv.reader(self._feed(), **self._dialect):
                    if row:
                        yield self._source.restored(row)
                    self._taken.clear()
                is_whole = True
            except csv.Error:
                self._go_on_with_the_next_line()
                yield None
                self._taken.clear()

    def _feed(self) -> Iterator[str]:
        taken, again, lines, chars = self._taken, self._again, self._lines, 0
        while line := again.popleft() if again else next(lines, ""):
            chars = chars + len(line) if taken else len(line)
            if chars > ROW_CHARS and taken:
                again.appendleft(line)
                raise csv.Error("a row without an end")
            taken.append(line)
            yield line

    def _go_on_with_the_next_line(self) -> None:
        others = self._taken[1:]
        self._reread_chars += sum(map(len, others))
        if self._reread_chars > REREAD_CHARS:
            raise Unreadable("that has too many quotes that are not closed")
        self._again.extendleft(reversed(others))
        del self._taken[1:]
