"""The text of a CSV as lines with their ends, and what stands in it for what a reader of CSV cannot take.

Rows of one file end in \\n, with any \\r before it, or in \\r: as the first one does. The other character is text then.
Python's reader would take it for an end wherever it is not in quotes, and its writer, which is that of pandas, puts in
quotes only what ends rows. So it has a stand-in, as have bytes that are not of the encoding: surrogates, which no text
has.
"""

import codecs
import re
from collections.abc import Iterator, Sequence
from itertools import chain

from emr_jobs.contracts.read import Csv
from emr_jobs.sources.files.opening import Content, chunks, require_bounded
from emr_jobs.sources.files.refusals import Unreadable

HEAD_CHARS = 2**16  # in which the first row ends, or \n is what ends one

_STAND_INS = {"\r": "\udc0d", "\n": "\udc0a"}
_STOOD_FOR = {ord(stand_in): end for end, stand_in in _STAND_INS.items()}
_STAND_IN = re.compile("[\ud800-\udfff]")
_UNDECODED = re.compile("[\ud800-\udbff\udc80-\udfff]")  # surrogateescape has bytes from 80 on
_NO_END = {"\n": re.compile(r"\r(?!\r*(?:\n|\Z))"), "\r": re.compile("\n")}  # by what ends the rows


class Lines:
    """Each line once, without a byte order mark."""

    def __init__(self, content: Content, declared: Csv) -> None:
        self._encoding = codecs.lookup(declared.encoding).name
        quote = re.escape(declared.quote)
        self._first_row = re.compile(rf"(?:[^{quote}\r\n]|{quote}[^{quote}]*{quote})*+(\r*\n|\r+(?=[^\r\n]))")
        self._lines = self._lines_of(content)
        self._has_stand_ins = False
        self.chunk = 0  # how many were begun

    def __iter__(self) -> Iterator[str]:
        return self._lines

    def restored(self, row: list[str]) -> list[str] | None:
        """With what was stood for; None where that are bytes."""
        if not self._has_stand_ins or not _STAND_IN.search("".join(row)):
            return row
        return None if any(map(_UNDECODED.search, row)) else [field.translate(_STOOD_FOR) for field in row]

    def raw(self, lines: Sequence[str]) -> bytes:
        """As they are in the file, without the last one's end."""
        return "".join(lines).rstrip("\r\n").translate(_STOOD_FOR).encode(self._encoding, "surrogateescape")

    def _lines_of(self, content: Content) -> Iterator[str]:
        end, begun = "", ""
        for text in self._decoded(content):
            self.chunk += 1
            begun += text
            if not end:
                begun = begun.removeprefix("\ufeff")
                end = self._end_of_rows(begun)
                if not end:
                    continue
            whole = begun.rfind(end) + 1
            yield from self._split(begun[:whole], end)
            begun = begun[whole:]
            require_bounded(begun)
        yield from self._split(begun, end or "\n")

    def _end_of_rows(self, head: str) -> str:
        """Nothing when the first row may go on."""
        if first := self._first_row.match(head):
            return first[1][-1]
        return "\n" if len(head) > HEAD_CHARS else ""

    def _split(self, text: str, end: str) -> Iterator[str]:
        other = "\r" if end == "\n" else "\n"
        if other in text:
            text = _NO_END[end].sub(_STAND_INS[other], text)
        if not text.isascii() and _STAND_IN.search(text):
            self._has_stand_ins = True
        *ended, last = text.split(end)
        return chain((f"{line}{end}" for line in ended), [last] if last else [])

    def _decoded(self, content: Content) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder(self._encoding)("surrogateescape")
        try:
            for chunk in chunks(content):
                yield decoder.decode(chunk)
            yield decoder.decode(b"", final=True)
        except UnicodeDecodeError:  # where no single byte can be stood for, as in UTF-16
            raise Unreadable(f"that is not in {self._encoding}") from None
