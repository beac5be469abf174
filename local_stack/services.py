"""All services of the local stack in this process and its children, and the settings that lead to them.

A home folder holds everything: secrets/ (mode 0600), lake/, runs/, opensearch/, settings.toml. The lake's
tables are brought up to the contracts before anything runs. Does not own: being a daemon (stack).
"""

import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import tomlkit

from emr_jobs import settings as settings_module
from emr_jobs.settings import Settings
from local_stack import jars
from local_stack.opensearch import OpenSearchNode
from local_stack.shipments_api import shipments_api
from local_stack.snowflake import ACCOUNT, DATABASE, USER, key_pair, snowflake
from pipeline_assets import lake
from pipeline_assets.home import ROOT

NOTE = "# Written by `pipeline stack up`: the local profile with the addresses of the running stack.\n"
SNOWFLAKE_KEY = "snowflake_key"
SHIPMENTS_TOKEN = "shipments_token"  # noqa: S105  # a file's name


@dataclass(frozen=True)
class Running:
    settings: Settings
    settings_file: Path
    opensearch: str
    snowflake: str
    shipments: str
    node: OpenSearchNode


@contextmanager
def services(
    home: Path,
    data: Path,
    *,
    prepare: Callable[[], object] | None = None,
    progress: Callable[[str], None] = lambda _: None,
    node_options: Sequence[str] | None = None,
) -> Iterator[Running]:
    """Start everything on free ports; stops it at the end, also when a part does not come up.

    OpenSearch takes the longest and starts first; meanwhile `prepare` fills the data folder and the rest comes up.
    """
    home.mkdir(parents=True, exist_ok=True)
    public_key, token = _write_secrets(home / "secrets")
    with ExitStack() as stack:
        node = OpenSearchNode(home / "opensearch", options=node_options or _archived_classes())
        stack.callback(node.stop)
        if prepare is not None:
            progress("sample data")
            prepare()
        progress("shipments API")
        shipments_url = stack.enter_context(shipments_api(data / "shipments", lambda: token))
        progress("Snowflake")
        snowflake_url = stack.enter_context(snowflake(data / "snowflake", public_key))
        progress("tables of the lake")
        values = _settings(home, data, shipments=shipments_url, snowflake=snowflake_url)
        lake.apply(settings_module.parse(tomlkit.dumps(values), where="the local stack", base=home))
        progress("OpenSearch")
        values["search"]["url"] = node.wait()
        settings_file = home / "settings.toml"
        settings_file.write_text(NOTE + tomlkit.dumps(values))
        yield Running(
            settings=settings_module.load(str(settings_file)),
            settings_file=settings_file,
            opensearch=values["search"]["url"],
            snowflake=snowflake_url,
            shipments=shipments_url,
            node=node,
        )


def _archived_classes() -> list[str]:
    archive = jars.archive("opensearch")
    return [f"-XX:SharedArchiveFile={archive}"] if archive.exists() else []


def _write_secrets(folder: Path) -> tuple[bytes, str]:
    """New ones every time; returns what the services compare with."""
    private, public = key_pair()
    token = secrets.token_urlsafe(24)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, value in ((SNOWFLAKE_KEY, private), (SHIPMENTS_TOKEN, token.encode())):
        path = folder / name
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "wb") as file:
            file.write(value)
    return public, token


def _settings(home: Path, data: Path, *, shipments: str, snowflake: str) -> dict[str, Any]:
    """The local profile with the addresses of these services."""
    base = tomlkit.parse((ROOT / "settings" / "local.toml").read_text()).unwrap()
    base["spark"] |= {"jars": str(jars.folder("spark")), "class_archive": str(jars.archive("spark"))}
    base["lake"] |= {"uri": str(home / "lake" / "catalog.db"), "warehouse": f"file://{home / 'lake' / 'warehouse'}"}
    base["runs"] |= {"uri": str(home / "runs")}
    base["sources"]["orders"] |= {"uri": f"{data.resolve()}/orders/dt={{partition}}/*.json.gz"}
    address = urlsplit(snowflake)
    base["sources"]["snowflake"] |= {
        "account": ACCOUNT,
        "user": USER,
        "database": DATABASE,
        "private_key": f"file:{home / 'secrets' / SNOWFLAKE_KEY}",
        "host": address.hostname,
        "port": address.port,
        "protocol": "http",
    }
    base["sources"]["shipments"] |= {
        "url": f"{shipments}/v1/shipments",
        "token": f"file:{home / 'secrets' / SHIPMENTS_TOKEN}",
    }
    return base
