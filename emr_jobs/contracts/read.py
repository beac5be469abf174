"""How a source is read, by kind: what `read` in its contract declares. Plain data, strictly validated.

Does not own: addresses, secrets and budgets (settings, `[connections.NAME]`); the reading itself (sources/).
"""

import re
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, PositiveInt, StrictInt, StringConstraints, model_validator

WINDOW = ("start", "end", "as_of", "partition")  # what {…} in params, body and path of an API may name
PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)\}")  # one word: `{ id }` with spaces is GraphQL's


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


JsonPath = Annotated[str, StringConstraints(pattern=r"^\$(\.[^.\[\]\s]+)*$")]  # $ is all of it, $.links.next a field
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Path = Annotated[str, StringConstraints(pattern=r"^(/[^?#]*)?$")]
Params = dict[str, str | StrictInt]  # strict: true would be sent as 1


class Cursor(_Strict):
    """Each answer names the next one's cursor. Null or absent ends; 0 and "" are cursors."""

    kind: Literal["cursor"]
    field: JsonPath | None = None  # of the answer's body
    header: str | None = None  # or of its headers
    param: str = "cursor"  # of the query; in a body a dot leads into an object: variables.after
    first: str | int | None = None  # sent with the first request
    end: Literal["null", "empty_page"] = "null"  # empty_page: it is still there on the last one

    @model_validator(mode="after")
    def _in_one_place(self) -> Self:
        if (self.field is None) == (self.header is None):
            raise ValueError("a cursor is in a field of the body or in a header: exactly one of field, header")
        return self


class NextUrl(_Strict):
    """Each answer has the next one's address, on the same host. Null or absent ends."""

    kind: Literal["next_url"]
    field: JsonPath


class LinkHeader(_Strict):
    """`Link: <…>; rel="next"`. Without it, that was the last."""

    kind: Literal["link_header"]


class _Numbered(_Strict):
    end: Literal["empty_page", "short_page", "total", "has_more"] = "empty_page"
    size_param: str = "limit"  # the parameter that says how many records a whole page has, for short_page


class Offset(_Numbered):
    """So many records are skipped."""

    kind: Literal["offset"]
    param: str = "offset"


class PageNumber(_Numbered):
    kind: Literal["page"]
    param: str = "page"
    first: int = 1


class OnePage(_Strict):
    """One answer has all."""

    kind: Literal["none"]


Pages = Annotated[Cursor | NextUrl | LinkHeader | Offset | PageNumber | OnePage, Field(discriminator="kind")]


class TotalRequest(_Strict):
    """A request of its own that answers how many records the window has. `params` are sent with those of the pages."""

    path: Path
    params: Params = {}
    field: JsonPath


class Complete(_Strict):
    """How one knows that nothing is missing: exactly one of these."""

    total: JsonPath | None = None  # of every page's body: a number or text, counting the request's own window
    total_header: str | None = None
    total_request: TotalRequest | None = None
    has_more: JsonPath | None = None  # true until the last page
    stable: Literal[True] | None = None  # offsets and page numbers of data that does not move while it is read

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError(f"exactly one of {', '.join(type(self).model_fields)}, or the word unproven")
        return self

    @property
    def is_counted(self) -> bool:
        return not (self.has_more or self.stable)


class Rest(_Strict):
    """An HTTP API that answers JSON."""

    kind: Literal["rest"]
    connection: Name
    path: Path = ""
    method: Literal["GET", "POST"] = "GET"
    params: Params = {}  # of the query; {start} {end} {as_of} {partition} stand for the day's
    body: dict[str, JsonValue] | None = None  # of a POST, with the same
    # How {start}, {end} and {as_of} are written; a date is the day where the domain is.
    times: Literal["iso", "epoch", "epoch_ms", "date"] = "iso"
    slice_minutes: PositiveInt | None = None  # a chain of pages for so much of the day; None: one for the day
    records: JsonPath = "$"
    pages: Pages
    complete: Complete | Literal["unproven"]
    day_column: JsonPath | None = None  # the record's instant, which must be of the window asked for

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        counting = isinstance(self.complete, Complete) and self.complete.total_request
        texts = [self.params, self.body, self.path, *([counting.path, counting.params] if counting else [])]
        if unknown := sorted(set(_named(texts)) - set(WINDOW)):
            raise ValueError(f"{{{unknown[0]}}}: known are {', '.join(f'{{{name}}}' for name in WINDOW)}")
        if self.body is not None and self.method != "POST":
            raise ValueError("body: only method POST sends one")
        if self.slice_minutes and not {"start", "end"} <= set(_named([self.params, self.body, self.path])):
            raise ValueError("slice_minutes: the request names {start} and {end}, or each slice would ask for the day")
        if self.slice_minutes and self.times == "date":
            raise ValueError("slice_minutes: a date cannot say which part of the day is asked for")
        self._pages_end()
        return self

    def _pages_end(self) -> None:
        pages, complete = self.pages, self.complete
        counted = isinstance(complete, Complete) and complete.is_counted
        more = isinstance(complete, Complete) and complete.has_more is not None
        if isinstance(pages, _Numbered):
            if pages.end == "total" and not counted:
                raise ValueError("pages end by total: complete declares one")
            if pages.end == "has_more" and not more:
                raise ValueError("pages end by has_more: complete declares it")
            if pages.end == "short_page" and self.page_size is None:
                raise ValueError(f"pages end by short_page: {pages.size_param} says how many records a whole page has")
            if pages.end == "short_page" and isinstance(complete, Complete) and complete.stable:
                raise ValueError(
                    "pages end by short_page: an API that gives fewer records than it is asked for would end early, "
                    "and stable does not see it. Count them (total), or say unproven"
                )
        elif isinstance(complete, Complete) and complete.stable:
            raise ValueError("complete.stable is of pages by offset or number")

    @property
    def is_proven(self) -> bool:
        """Whether the declaration says how one knows that nothing is missing."""
        return isinstance(self.complete, Complete)

    @property
    def sent(self) -> dict[str, Any]:
        """Where the pages' own parameter goes: the query, of a POST with a body that."""
        return self.params if self.body is None else self.body

    @property
    def page_size(self) -> int | None:
        """How many records a whole page has, where pages are numbered and the request says it."""
        if not isinstance(self.pages, _Numbered):
            return None
        value: Any = self.sent
        for name in [self.pages.size_param] if self.body is None else self.pages.size_param.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        return value if type(value) is int else None


Mark = Annotated[str, StringConstraints(pattern=r"^[^\r\n]$")]


class Csv(_Strict):
    separator: Mark = ","
    quote: Mark = '"'
    header: bool = True  # the first row has the names; else the contract's columns are in the file's order
    encoding: str = "utf-8"

    @model_validator(mode="after")
    def _is_readable(self) -> Self:
        if self.separator == self.quote:
            raise ValueError("separator and quote are the same character")
        try:
            "".encode(self.encoding)
        except LookupError:
            raise ValueError(f"encoding: {self.encoding!r} is none that Python knows") from None
        return self


class Files(_Strict):
    """A day's files below the connection's address."""

    kind: Literal["files"]
    connection: Name
    path: str  # {partition} or {partition:%Y%m%d} stands for the day, * for anything within a name
    format: Literal["json_lines", "csv", "parquet"]
    csv: Csv = Csv()
    compression: Literal["by_name", "none", "gzip", "zstd"] = "by_name"  # by_name: .gz, .zst or .zstd, else none

    @model_validator(mode="after")
    def _of_a_day(self) -> Self:
        fields = re.findall(r"\{([^{}]*)\}", self.path)
        if not fields or any(not re.fullmatch(r"partition(:[%A-Za-z0-9/_.-]+)?", each) for each in fields):
            raise ValueError(
                "path: {partition} or {partition:%Y%m%d} says of which day the files are, and nothing else"
            )
        if "csv" in self.model_fields_set and self.format != "csv":
            raise ValueError(f"csv is of format csv, not of {self.format}")
        if self.format == "parquet" and self.compression in ("gzip", "zstd"):
            raise ValueError("compression: a Parquet file says itself how each of its columns is packed")
        return self

    def of(self, partition: date) -> str:
        """The path with its day."""
        return self.path.format(partition=partition)


class Snowflake(_Strict):
    """A table: its rows of a day, those that a statement gives, or what a job's own statement makes of it."""

    kind: Literal["snowflake"]
    connection: Name
    day_column: str | None = None  # start <= value < end
    sql: str | None = None  # a file of the domain's, with :partition :start :end :as_of

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.day_column and self.sql:
            raise ValueError("day_column is of a table that is read as it is; sql has a WHERE of its own")
        return self


Read = Annotated[Rest | Files | Snowflake, Field(discriminator="kind")]


def _named(value: Any) -> list[str]:
    """What stands in braces in the texts of this value."""
    if isinstance(value, str):
        return PLACEHOLDER.findall(value)
    if isinstance(value, dict):
        return [name for each in value.values() for name in _named(each)]
    if isinstance(value, list):
        return [name for each in value for name in _named(each)]
    return []
