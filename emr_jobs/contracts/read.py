"""How a source is read, by kind: what `read` in its contract declares. Plain data, strictly validated.

Does not own: addresses, secrets and budgets (settings, `[connections.NAME]`); the reading itself (sources/).
"""

import re
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, PositiveInt, StrictInt, StringConstraints, model_validator

WINDOW = ("start", "end", "as_of", "partition")  # what {…} in params, body and path of an API may name
PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)\}")  # one word: `{ id }` with spaces is GraphQL's


class Strict(BaseModel):
    """What stands below a field is its meaning: docs/contracts.md is made of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


JsonPath = Annotated[str, StringConstraints(pattern=r"^\$(\.[^.\[\]\s]+)*$")]  # $ is all of it, $.links.next a field
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Path = Annotated[str, StringConstraints(pattern=r"^(/[^?#]*)?$")]
Params = dict[str, str | StrictInt]  # strict: true would be sent as 1


class Cursor(Strict):
    """Each answer names the next one's cursor. Null or absent ends; 0 and "" are cursors."""

    kind: Literal["cursor"]
    field: JsonPath | None = None
    """Where the answer's body has it."""
    header: str | None = None
    """Or which of its headers: exactly one of field and header."""
    param: str = "cursor"
    """The parameter that it is sent as; in a body a dot leads into an object: `variables.after`."""
    first: str | int | None = None
    """Sent with the first request, which otherwise has no cursor."""
    end: Literal["null", "empty_page"] = "null"
    """`empty_page`: the last answer has a cursor too, and the page behind it is empty."""

    @model_validator(mode="after")
    def _in_one_place(self) -> Self:
        if (self.field is None) == (self.header is None):
            raise ValueError("a cursor is in a field of the body or in a header: exactly one of field, header")
        return self


class NextUrl(Strict):
    """Each answer has the next one's address, on the same host. Null or absent ends."""

    kind: Literal["next_url"]
    field: JsonPath
    """Where the answer's body has the address."""


class LinkHeader(Strict):
    """Each answer has the next one's address in `Link: <…>; rel="next"`. Without it, that was the last."""

    kind: Literal["link_header"]


class Numbered(Strict):
    end: Literal["empty_page", "short_page", "total", "has_more"] = "empty_page"
    """What the last page is known by. `total` and `has_more` are what `complete` declares."""
    size_param: str = "limit"
    """The parameter that says how many records a whole page has. `short_page` needs it."""


class Offset(Numbered):
    """Each request says how many records to skip: those that came so far."""

    kind: Literal["offset"]
    param: str = "offset"
    """The parameter that it is sent as; in a body a dot leads into an object."""


class PageNumber(Numbered):
    """Each request says the number of its page."""

    kind: Literal["page"]
    param: str = "page"
    """The parameter that it is sent as; in a body a dot leads into an object."""
    first: int = 1
    """The number of the first page."""


class OnePage(Strict):
    """One answer has all."""

    kind: Literal["none"]


Pages = Annotated[Cursor | NextUrl | LinkHeader | Offset | PageNumber | OnePage, Field(discriminator="kind")]


class TotalRequest(Strict):
    """A request of its own that answers how many records the window has."""

    path: Path
    """Below the connection's address, as the pages' own."""
    params: Params = {}
    """Sent with those of the pages."""
    field: JsonPath
    """Where its answer has the number."""


class Complete(Strict):
    """How one knows that nothing is missing: exactly one of these."""

    total: JsonPath | None = None
    """Where a page's body has the number of the window's records, as a number or text. The first page must have it."""
    total_header: str | None = None
    """The header that has it: a number, or `items 0-9/25`."""
    total_request: TotalRequest | None = None
    """The request that answers it."""
    has_more: JsonPath | None = None
    """Where a page's body says whether there is another: true until the last one."""
    stable: Literal[True] | None = None
    """Only of offsets and page numbers: the data does not move while it is read, so the pages are all of it."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError(f"exactly one of {', '.join(type(self).model_fields)}, or the word unproven")
        return self

    @property
    def is_counted(self) -> bool:
        return not (self.has_more or self.stable)


class Rest(Strict):
    """An HTTP API that answers JSON."""

    kind: Literal["rest"]
    connection: Name
    """Its name in the settings, `[connections.NAME]`, of kind `rest`."""
    path: Path = ""
    """Below the connection's address; with the words of `params`."""
    method: Literal["GET", "POST"] = "GET"
    """POST for an API that is asked with a body; it is repeated as a GET is."""
    params: Params = {}
    """The query. `{start}`, `{end}`, `{as_of}` and `{partition}` stand for the day's."""
    body: dict[str, JsonValue] | None = None
    """Of a POST, as JSON; with the words of `params`, however deep."""
    times: Literal["iso", "epoch", "epoch_ms", "date"] = "iso"
    """How `{start}`, `{end}` and `{as_of}` are written; a date is the day where the domain is."""
    slice_minutes: PositiveInt | None = None
    """A chain of pages for so much of the day, several at once. Without it one chain for the day."""
    records: JsonPath = "$"
    """Where a page's body has its array of records."""
    pages: Pages
    """How one page leads to the next."""
    complete: Complete | Literal["unproven"]
    """How one knows that nothing is missing. `unproven`: one does not, and the check `unproven` warns."""
    day_column: JsonPath | None = None
    """Where a record has its instant. One of another window is an error; where nothing is counted, one at the very end
    of the day is left out."""

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
        if isinstance(pages, Numbered):
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
        if not isinstance(self.pages, Numbered):
            return None
        value: Any = self.sent
        for name in [self.pages.size_param] if self.body is None else self.pages.size_param.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        return value if type(value) is int else None


Mark = Annotated[str, StringConstraints(pattern=r"^[^\r\n]$")]


class Csv(Strict):
    """How a CSV file is written."""

    separator: Mark = ","
    """Between two fields."""
    quote: Mark = '"'
    """Around a field that has a separator, a line break or, doubled, a quote in it."""
    header: bool = True
    """Its first row has the names. Without, the contract's columns are in the file's order."""
    encoding: str = "utf-8"
    """By the name that Python has for it."""

    @model_validator(mode="after")
    def _is_readable(self) -> Self:
        if self.separator == self.quote:
            raise ValueError("separator and quote are the same character")
        try:
            "".encode(self.encoding)
        except LookupError:
            raise ValueError(f"encoding: {self.encoding!r} is none that Python knows") from None
        return self


class Files(Strict):
    """A day's files below the connection's address."""

    kind: Literal["files"]
    connection: Name
    """Its name in the settings, `[connections.NAME]`, of kind `files`."""
    path: str
    """`{partition}` or `{partition:%Y%m%d}` stands for the day, `*` for anything within a name."""
    format: Literal["json_lines", "csv", "parquet"]
    """`json_lines`: an object a line."""
    csv: Csv = Csv()
    """Of format csv."""
    compression: Literal["by_name", "none", "gzip", "zstd"] = "by_name"
    """`by_name`: `.gz` is gzip, `.zst` and `.zstd` are zstd, any other name is none. Parquet has its own."""

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


class Snowflake(Strict):
    """A table: its rows of a day, those that a statement gives, or what a job's own statement makes of it."""

    kind: Literal["snowflake"]
    connection: Name
    """Its name in the settings, `[connections.NAME]`, of kind `snowflake`."""
    day_column: str | None = None
    """The column that says of which day a row is: start <= value < end, and a date is the day itself."""
    sql: str | None = None
    """Or a file of the domain's with the statement, its names `:partition`, `:start`, `:end` and `:as_of` bound."""

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
