"""A connection in the settings' profiles: the local and the emulator's address, and production's by name. Pure.

Comments and order of what is there stay. Does not own: the files (write). Invariant: a secret is a reference.
"""

import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Literal

import tomlkit
from emr_jobs.core.settings import Connection, Settings
from tomlkit.items import InlineTable

PROFILES = ("local", "emulator", "production")
LOCAL_API = "http://127.0.0.1:9000"  # `pipeline stack up` puts the running one's in

Kind = Literal["files", "rest", "snowflake"]


@dataclass(frozen=True)
class Wanted:
    """A connection that a source is read through."""

    name: str
    kind: Kind
    url: str | None = None  # of an API
    header: str | None = None  # that its key stands in; None: Authorization: Bearer
    database: str | None = None  # of Snowflake


def connection_of(wanted: Wanted, profile: str, *, domain: str, state: str) -> dict[str, Any]:
    """`state`: the folder of local state, as seen from the profile."""
    match wanted.kind:
        case "files":
            return {"kind": "files", "uri": _uri(wanted.name, profile, domain=domain, state=state)}
        case "snowflake":
            key = _secret(f"{wanted.name}-key", profile, state=state)
            if profile == "production":
                places = {name: f"<{name.upper()}>" for name in ("user", "role", "warehouse")}
                database = wanted.database or "<DATABASE>"
                return {
                    "kind": "snowflake",
                    "account": "<ORG-ACCOUNT>",
                    **places,
                    "database": database,
                    "private_key": key,
                }
            local = {"account": "fakesnow", "user": "PIPELINE", "database": wanted.database or domain.upper()}
            return {"kind": "snowflake", **local, "private_key": key, "connect_timeout_s": 20}
    url = wanted.url if profile == "production" else LOCAL_API
    return {"kind": "rest", "url": url, "auth": _auth(wanted, profile, state=state)}


def _uri(name: str, profile: str, *, domain: str, state: str) -> str:
    if profile == "production":
        return f"s3://${{{bucket_of(name)}}}"
    return f"s3://{domain}-{name}".replace("_", "-") if profile == "emulator" else f"{state}/data"


def bucket_of(name: str) -> str:
    """The parameter of the deployment that names it."""
    return "".join(word.title() for word in name.split("_")) + "Bucket"


def _auth(wanted: Wanted, profile: str, *, state: str) -> InlineTable:
    if wanted.header is None:
        return _inline({"kind": "bearer", "token": _secret(f"{wanted.name}-token", profile, state=state)})
    key = _secret(f"{wanted.name}-key", profile, state=state)
    return _inline({"kind": "header", "name": wanted.header, "key": key})


def _inline(values: Mapping[str, str]) -> InlineTable:
    """Spaced as by hand, which tomlkit keeps of what it reads."""
    inside = ", ".join(f"{name} = {tomlkit.item(value).as_string()}" for name, value in values.items())
    return tomlkit.value(f"{{ {inside} }}")  # type: ignore[return-value]


def _secret(name: str, profile: str, *, state: str) -> str:
    name = name.replace("_", "-")
    return f"file:{state}/secrets/{name}" if profile == "local" else f"aws:pipeline/{name}"


def with_connection(text: str, name: str, values: Mapping[str, Any]) -> str:
    """A profile's text with one connection more, behind the others."""
    document = tomlkit.parse(text)
    table = tomlkit.table()
    table.update(values)
    if "connections" not in document:
        document["connections"] = tomlkit.table(is_super_table=True)
    connections = document["connections"]
    assert isinstance(connections, MutableMapping), "settings were read of it"
    if document.body[-1][0] is None or document.body[-1][0].key != "connections":
        table.add(tomlkit.nl())  # before the section that follows
    connections[name] = table
    return tomlkit.dumps(document)


def line_of_connection(text: str, name: str) -> int:
    """From 1."""
    pattern = re.compile(rf"\s*\[connections\.{re.escape(name)}\]")
    return next((number for number, line in enumerate(text.splitlines(), start=1) if pattern.match(line)), 1)


def reused(settings: Settings, *, kind: Kind, address: str | None) -> str | None:
    """The connection by which production reaches this address already; of Snowflake the only one."""
    of_kind = {name: each for name, each in settings.connections.items() if each.kind == kind}
    if kind == "snowflake":
        return next(iter(of_kind)) if len(of_kind) == 1 else None
    matching = [name for name, each in of_kind.items() if address and _is_below(address, _address(each))]
    return max(matching, key=lambda name: len(_address(of_kind[name])), default=None)


def path_below(address: str, connection: Connection) -> str | None:
    """What is left of it; None where it is elsewhere."""
    above = _address(connection)
    return address[len(above) :] if _is_below(address, above) else None


def _address(connection: Connection) -> str:
    return str(getattr(connection, "url", None) or getattr(connection, "uri", "")).rstrip("/")


def _is_below(address: str, above: str) -> bool:
    return bool(above) and (address == above or address.startswith(f"{above}/"))
