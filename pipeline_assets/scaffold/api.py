"""The guess of a web API: from one page as it answers, or from its address alone."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlsplit

from emr_jobs.core.errors import Misconfigured
from emr_jobs.reading import strict_json

from pipeline_assets.scaffold.envelope import envelope_of, unseen
from pipeline_assets.scaffold.guess import COLUMNS, READ, Doubt, Guess, skeleton
from pipeline_assets.scaffold.infer import day_column_of, fields_of
from pipeline_assets.scaffold.query import is_secret

PHYSICAL_TYPE = "json response"


def address(url: str) -> SplitResult:
    """Raises Misconfigured."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Misconfigured("--url: expected http:// or https:// and a host")
    if "@" in parts.netloc:
        raise Misconfigured("--url: a user or password stands in the address; a secret is a reference: --header")
    if secret := next((name for name, _ in parse_qsl(parts.query) if is_secret(name)), None):
        raise Misconfigured(
            f"--url: {secret} in the query looks like a secret, and a secret is a reference. Leave it out, and write "
            f'auth = {{ kind = "query", name = "{secret}", key = "aws:..." }} into the connection afterwards'
        )
    return parts


def guess_of(url: str, page: bytes | None, *, headers: Mapping[str, str], path: str) -> Guess:
    """`path`: of the source, below the connection's address; `headers`: of the answer."""
    parts = address(url)
    if page is None:
        unknown, open_ = unseen(query=parts.query)
        return Guess({"kind": "rest", "path": path, **unknown}, PHYSICAL_TYPE, skeleton(), 0, open_)
    envelope = envelope_of(_parsed(page), query=parts.query, host=parts.hostname or "", headers=headers)
    records = [record for record in envelope.records if type(record) is dict]
    fields = fields_of(records)
    read = {"kind": "rest", "path": path, **envelope.read}
    doubts = list(envelope.doubts)
    if others := len(envelope.records) - len(records):
        doubts.append(Doubt(COLUMNS, f"{others} of {len(envelope.records)} records are no objects: each is a reject"))
    day = day_column_of([field for field in fields if _can_stand_in_path(field.name)], records=len(records))
    if day is not None and day.type == "timestamp":
        read["day_column"] = f"$.{day.name}"
    else:
        doubts.append(Doubt(READ, "day_column: no field is an instant, so a record of another day is not noticed"))
    return Guess(read, PHYSICAL_TYPE, fields, len(records), doubts)


def _can_stand_in_path(name: str) -> bool:
    return not set(name) & set(".[] \t\r\n")


def _parsed(page: bytes) -> Any:
    text = page.removeprefix(b"\xef\xbb\xbf")
    try:
        body, is_too_deep = strict_json.parse(text, in_doubt=strict_json.is_doubtful(text))
    except strict_json.Malformed as error:
        raise Misconfigured(f"the sample is no JSON: {error}") from None
    if is_too_deep:
        raise Misconfigured(f"the sample is nested deeper than {strict_json.LEVELS:,} levels")
    return body
