"""Whether all of a slice has come: its pages counted against what its answers say.

A total is that of the request's own window: as many records, the same on every page that has one. Every page but one
must bring a record, and none the records of an earlier one again: so a chain ends, also of an API that does not look
at the parameter that leads to the next page. Does not own: the day's total over all slices (the caller).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from emr_jobs.contracts.read import Rest
from emr_jobs.reading.values import whole
from emr_jobs.sources.rest.json_path import at, keys_of
from emr_jobs.sources.rest.pages import Page
from emr_jobs.sources.rest.refusals import BrokenAnswer, Contradiction

_YES_OR_NO = {1: True, 0: False, "true": True, "false": False}  # True is 1


def announced(
    declared: Rest, body: Any, headers: Mapping[str, str], *, is_first: bool
) -> tuple[int | None, bool | None]:
    """The total and whether there is more, as a page says it. A total on the first page is enough."""
    complete = declared.complete
    if complete == "unproven":
        return None, None
    if complete.has_more:
        return None, _yes_or_no(at(body, keys_of(complete.has_more)), complete.has_more)
    if complete.total:
        value, place = at(body, keys_of(complete.total)), complete.total
    elif complete.total_header:  # Content-Range has it after a slash: items 0-9/25
        value, place = headers.get(complete.total_header), complete.total_header
        value = value.rpartition("/")[2] if value else None
    else:
        return None, None
    if value is None and not is_first:
        return None, None
    return count(value, place), None


def count(value: Any, place: str) -> int:
    """A number of records, or the text of one. Raises BrokenAnswer."""
    read = whole(value)
    if type(read) is not int or read < 0:
        raise BrokenAnswer(f"an answer without total ({place})")
    return read


def _yes_or_no(value: Any, place: str) -> bool:
    key = value.lower() if type(value) is str else value
    if type(key) not in (bool, int, str) or key not in _YES_OR_NO:
        raise BrokenAnswer(f"an answer that does not say whether there is more ({place})")
    return _YES_OR_NO[key]


@dataclass
class Tally:
    """The pages of one chain."""

    total: int | None = None
    rows: int = 0
    pages: int = 0
    _seen: dict[int, int] = field(default_factory=dict)  # fingerprint of a page's records -> its number

    def add(self, page: Page) -> None:
        """Raises Contradiction."""
        if self.total is not None and page.total not in (None, self.total):
            raise Contradiction(f"total {self.total} on every page", f"{page.total} on the next one")
        self.total = page.total if self.total is None else self.total
        self.rows += len(page.records)
        self.pages += 1
        if page.records:
            earlier = self._seen.setdefault(page.fingerprint, self.pages)
            if earlier != self.pages:
                raise Contradiction("every page once", f"the records of page {earlier} again on page {self.pages}")
        if self.total is not None and self.rows > self.total:
            raise self._without_end()

    def require_progress(self) -> None:
        """Before another page is asked for. Raises Contradiction."""
        most = self.rows if self.total is None else self.total
        if self.pages > most + 1:
            raise self._without_end()

    def close(self) -> None:
        """After the last page. Raises Contradiction."""
        if self.total not in (None, self.rows):
            raise Contradiction(f"total {self.total}", f"{self.rows} rows")

    def _without_end(self) -> Contradiction:
        expected = "a record on every page but one" if self.total is None else f"total {self.total}"
        return Contradiction(expected, f"{self.rows} rows on {self.pages} pages and no end")
