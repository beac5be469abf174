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
from local_stack.aws.account import LocalAws, furnish
from local_stack.opensearch import OpenSearchNode
from local_stack.shipments_api import shipments_api
from local_stack.snowflake import ACCOUNT, DATABASE, USER, key_pair, snowflake
from pipeline_assets import lake
from pipeline_assets.home import ROOT
from pipeline_assets.shipping.package import host_arch

NOTE = "# Written by `pipeline stack up`: the local profile with the addresses of the running stack.\n"
SNOWFLAKE_KEY = "snowflake-key"
SHIPMENTS_TOKEN = "shipments-token"  # noqa: S105  # a file's name


@dataclass(frozen=True)
class Running:
    settings: Settings
    settings_file: Path
    opensearch: str
    snowflake: str
    shipments: str
    aws: str | None
    node: OpenSearchNode


@contextmanager
def services(
    home: Path,
    data: Path,
    *,
    prepare: Callable[[], object] | None = None,
    progress: Callable[[str], None] = lambda _: None,
    aws: bool = False,
    yarn: bool = False,
    lake_tables: bool = True,
    node_options: Sequence[str] | None = None,
) -> Iterator[Running]:
    """Start everything on free ports; stops it at the end, also when a part does not come up.

    With `aws`, orders, lake, secrets and runs are on the local AWS; with `yarn`, its steps run on YARN. OpenSearch
    takes the longest and starts first; meanwhile `prepare` fills the data folder and the rest comes up.
    """
    home.mkdir(parents=True, exist_ok=True)
    private_key, public_key = key_pair()
    token = secrets.token_urlsafe(24)
    with ExitStack() as stack:
        node = OpenSearchNode(home / "opensearch", options=node_options or _archived_classes())
        stack.callback(node.stop)
        cloud = LocalAws(home / "aws", yarn=yarn) if aws else None
        if cloud is not None:
            stack.callback(cloud.stop)
        if prepare is not None:
            progress("sample data")
            prepare()
        progress("shipments API")
        shipments_url = stack.enter_context(shipments_api(data / "shipments", lambda: token))
        progress("Snowflake")
        snowflake_url = stack.enter_context(snowflake(data / "snowflake", public_key))
        profile = _profile("emulator" if aws else "local")
        _set_addresses(profile, shipments=shipments_url, snowflake=snowflake_url)
        named = {SNOWFLAKE_KEY: private_key.decode(), SHIPMENTS_TOKEN: token}
        if cloud is None:
            _keep_in_home(profile, home, data, named)
        else:
            progress("AWS")
            profile["aws"] |= {"endpoint": cloud.wait()["url"]}
            profile["emr"] |= {"arch": host_arch()}
            values = _parsed(profile, home)
            furnish(
                values, secrets={f"pipeline/{name}": value for name, value in named.items()}, orders=data / "orders"
            )
        if lake_tables:  # else a deployment makes them
            progress("tables of the lake")
            lake.apply(_parsed(profile, home))
        progress("OpenSearch")
        profile["search"]["url"] = node.wait()
        settings_file = home / "settings.toml"
        settings_file.write_text(NOTE + tomlkit.dumps(profile))
        yield Running(
            settings=settings_module.load(str(settings_file)),
            settings_file=settings_file,
            opensearch=profile["search"]["url"],
            snowflake=snowflake_url,
            shipments=shipments_url,
            aws=profile["aws"]["endpoint"] if aws else None,
            node=node,
        )


def _archived_classes() -> list[str]:
    archive = jars.archive("opensearch")
    return [f"-XX:SharedArchiveFile={archive}"] if archive.exists() else []


def _profile(name: str) -> dict[str, Any]:
    """A committed profile with this machine's jars."""
    profile = tomlkit.parse((ROOT / "settings" / f"{name}.toml").read_text()).unwrap()
    profile["spark"] |= {"jars": str(jars.folder("spark")), "class_archive": str(jars.archive("spark"))}
    return profile


def _set_addresses(profile: dict[str, Any], *, shipments: str, snowflake: str) -> None:
    address = urlsplit(snowflake)
    profile["sources"]["snowflake"] |= {
        "account": ACCOUNT,
        "user": USER,
        "database": DATABASE,
        "host": address.hostname,
        "port": address.port,
        "protocol": "http",
    }
    profile["sources"]["shipments"] |= {"url": f"{shipments}/v1/shipments"}


def _keep_in_home(profile: dict[str, Any], home: Path, data: Path, named: dict[str, str]) -> None:
    """Lake, runs and secrets as files, the orders where they are."""
    profile["lake"] |= {"uri": str(home / "lake" / "catalog.db"), "warehouse": f"file://{home / 'lake' / 'warehouse'}"}
    profile["runs"] |= {"uri": str(home / "runs")}
    profile["sources"]["orders"] |= {"uri": f"{data.resolve()}/orders/dt={{partition}}/*.json.gz"}
    profile["sources"]["snowflake"] |= {"private_key": f"file:{home / 'secrets' / SNOWFLAKE_KEY}"}
    profile["sources"]["shipments"] |= {"token": f"file:{home / 'secrets' / SHIPMENTS_TOKEN}"}
    folder = home / "secrets"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, value in named.items():
        path = folder / name
        path.unlink(missing_ok=True)  # new ones every time
        with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as file:
            file.write(value)


def _parsed(profile: dict[str, Any], home: Path) -> Settings:
    return settings_module.parse(tomlkit.dumps(profile), where="the local stack", base=home)
