"""The parameters of an API's request: which of them name the window of the day, and how its instants are written. Pure.

From an example, of the address that a person gave or of the next page's: `from=2026-11-21T00:00:00Z` is {start}.
Does not own: what leads to the next page (envelope); those parameters are left out.
"""

import re
from typing import Any
from urllib.parse import parse_qsl

from emr_jobs.reading.values import day, instant

from pipeline_assets.scaffold.guess import READ, Doubt
from pipeline_assets.scaffold.names import words

Params = dict[str, str | int]

_LEADING_ON = ({"page"}, {"page", "number"}, {"page", "no"}, {"offset"}, {"skip"}, {"cursor"}, {"page", "token"})
_START = {"since", "from", "start", "after", "begin", "gte", "ge", "min", "gt"}
_END = {"until", "to", "before", "end", "lte", "le", "max", "lt", "till"}
_SECRET = {"secret", "password", "pwd", "apikey", "signature", "sig", "credential", "credentials", "jwt"}
_OF_SECRET = {"api", "access", "auth", "subscription", "x", "client", "app", "user", "private", "ocp", "apim"}
_MINUTES = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?")


def queried(query: str) -> Params:
    """Those of a query, without secrets; a number is one."""
    return {
        name: int(value) if re.fullmatch(r"[1-9][0-9]{0,8}", value) else value
        for name, value in parse_qsl(query, keep_blank_values=True)
        if set(words(name)) not in _LEADING_ON and not is_secret(name)
    }


def is_secret(name: str) -> bool:
    """Of a parameter that lets one in: its value must stand nowhere."""
    found = words(name)
    return bool(_SECRET & set(found)) or (found[-1:] in (["key"], ["token"]) and set(found[:-1]) <= _OF_SECRET)


def parameters(sent: Params) -> tuple[dict[str, Any], list[Doubt]]:
    """`params` and `times` of a contract's `read`, the window's in the place of examples."""
    params, times = dict(sent), "iso"
    for name, value in sent.items():
        written, found = _written(str(value)), set(words(name))
        if written and found & (_START | _END):
            params[name] = "{start}" if found & _START else "{end}"
            times = written
    window = {"{start}", "{end}", "{partition}", "{as_of}"} & set(map(str, params.values()))
    doubts: list[Doubt] = []
    if not window:
        params = {"from": "{start}", "to": "{end}", **params}
        doubts.append(Doubt(f"{READ}.params", "how the API filters by day is not known: from and to are guesses"))
    elif window == {"{start}"}:
        doubts.append(Doubt(f"{READ}.params", "{start} is sent, and no parameter has {end}"))
    return {"params": params, **({"times": times} if times != "iso" else {})}, doubts


def _written(value: str) -> str | None:
    """How this instant is written; None for anything else."""
    if instant(value) or _MINUTES.fullmatch(value):
        return "iso"
    if day(value):
        return "date"
    return {10: "epoch", 13: "epoch_ms"}.get(len(value)) if re.fullmatch("[12][0-9]+", value) else None
