"""All services of the local stack in this process and its children, and the settings that lead to them.

A home folder holds everything: secrets/ (mode 0600), lake/, runs/, opensearch/, settings.toml. The lake's
tables are brought up to the contracts before anything runs. Does not own: being a daemon (stack).
"""

import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import tomlkit

from emr_jobs.core import settings as settings_module
from emr_jobs.core.settings import Connection, FilesConnection, OAuth2, RestConnection, Settings, SnowflakeConnection
from local_stack import jars
from local_stack.aws.account import LocalAws, deliver, furnish
from local_stack.opensearch import OpenSearchNode
from local_stack.rest.access import TOKEN_PATH
from local_stack.rest_api import RestApi
from local_stack.sample import local_domain
from local_stack.snowflake import ACCOUNT, USER, key_pair, load, snowflake
from pipeline_assets import lake
from pipeline_assets.home import profile as profile_at
from pipeline_assets.shipping.package import host_arch

NOTE = "# Written by `pipeline stack up`: the local profile with the addresses of the running stack.\n"


@dataclass(frozen=True)
class Running:
    settings: Settings
    settings_file: Path
    opensearch: str
    connections: dict[str, str]  # address by name, of those that are served: APIs and Snowflake
    aws: str | None
    node: OpenSearchNode
    load: Callable[[], None]
    """Serve what the data folder holds now. Raises FileNotFoundError or ValueError for what cannot be served."""


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

    With `aws`, files, lake, secrets and runs are on the local AWS; with `yarn`, its steps run on YARN. OpenSearch
    takes the longest and starts first; meanwhile `prepare` fills the data folder and the rest comes up.
    """
    home.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        node = OpenSearchNode(home / "opensearch", options=node_options or _archived_classes())
        stack.callback(node.stop)
        cloud = LocalAws(home / "aws", yarn=yarn) if aws else None
        if cloud is not None:
            stack.callback(cloud.stop)
        if prepare is not None:
            progress("sample data")
            prepare()
        profile = _profile("emulator" if aws else "local")
        served = {
            name: stack.enter_context(_served(name, connection, data, progress))
            for name, connection in _parsed(profile, home).connections.items()
            if not isinstance(connection, FilesConnection)
        }
        for name, each in served.items():
            profile["connections"][name] |= each.values
        values_of = {place: secret for each in served.values() for place, secret in each.secrets.items()}
        if cloud is None:
            _keep_in_home(profile, home, data, values_of)
        else:
            progress("AWS")
            profile["aws"] |= {"endpoint": cloud.wait()["url"]}
            profile["emr"] |= {"arch": host_arch()}
            values = _parsed(profile, home)
            furnish(values, secrets={values.secrets[place]: value for place, value in values_of.items()}, data=data)
        if lake_tables:  # else a deployment makes them
            progress("tables of the lake")
            lake.apply(_parsed(profile, home))
        progress("OpenSearch")
        profile["search"]["url"] = node.wait()
        settings_file = home / "settings.toml"
        settings_file.write_text(NOTE + tomlkit.dumps(profile))
        settings = settings_module.load(str(settings_file))

        def load_all() -> None:
            for each in served.values():
                each.load()
            if cloud is not None:
                deliver(settings, data)

        yield Running(
            settings=settings,
            settings_file=settings_file,
            opensearch=profile["search"]["url"],
            connections={name: each.url for name, each in served.items()},
            aws=profile["aws"]["endpoint"] if aws else None,
            node=node,
            load=load_all,
        )


def _archived_classes() -> list[str]:
    archive = jars.archive("opensearch")
    return [f"-XX:SharedArchiveFile={archive}"] if archive.exists() else []


def _profile(name: str) -> dict[str, Any]:
    """A committed profile with this machine's jars."""
    profile = tomlkit.parse(profile_at(name).read_text()).unwrap()
    profile["spark"] |= {"jars": str(jars.folder("spark")), "class_archive": str(jars.archive("spark"))}
    return profile


@dataclass(frozen=True)
class _Served:
    """A connection that somebody answers: what its settings say then, its secrets by their place in them."""

    url: str
    values: dict[str, Any]
    secrets: dict[str, str]
    load: Callable[[], None]


@contextmanager
def _served(name: str, connection: Connection, data: Path, progress: Callable[[str], None]) -> Iterator[_Served]:
    progress(name)
    if isinstance(connection, SnowflakeConnection):
        private_key, public_key = key_pair()
        with snowflake(data / "snowflake", connection.database, public_key) as url:
            address = urlsplit(url)
            values = {"account": ACCOUNT, "user": USER, "protocol": "http"}
            yield _Served(
                url,
                values | {"host": address.hostname, "port": address.port},
                {f"connections.{name}.private_key": private_key.decode()},
                partial(load, data / "snowflake", database=connection.database),
            )
        return
    assert isinstance(connection, RestConnection), connection
    secret = secrets.token_urlsafe(24)
    sources = [each for each in local_domain().sources if each.connection == name]
    api = RestApi(sources, data, connection.auth, lambda: secret, timezone=local_domain().calendar.timezone)
    with api.served() as url:
        places = [f"connections.{name}.auth.{field}" for field in connection.auth.secret_fields]
        served: dict[str, Any] = {"url": url}
        if isinstance(connection.auth, OAuth2):
            served["auth"] = {**connection.auth.model_dump(exclude_none=True), "token_url": url + TOKEN_PATH}
        yield _Served(url, served, dict.fromkeys(places, secret), api.load)


def _keep_in_home(profile: dict[str, Any], home: Path, data: Path, values: dict[str, str]) -> None:
    """Lake, runs and secrets as files, what is delivered where it is."""
    profile["lake"] |= {"uri": str(home / "lake" / "catalog.db"), "warehouse": f"file://{home / 'lake' / 'warehouse'}"}
    profile["runs"] |= {"uri": str(home / "runs")}
    if "lineage" in profile:
        profile["lineage"] |= {"url": str(home / "lineage")}
    for connection in profile["connections"].values():
        if connection["kind"] == "files":
            connection["uri"] = str(data.resolve())
    folder = home / "secrets"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for place, value in values.items():
        *sections, key = place.split(".")
        section = _at(profile, sections)
        path = folder / section[key].rpartition("/")[2]
        section[key] = f"file:{path}"
        path.unlink(missing_ok=True)  # new ones every time
        with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as file:
            file.write(value)


def _at(profile: dict[str, Any], sections: list[str]) -> dict[str, Any]:
    for section in sections:
        profile = profile[section]
    return profile


def _parsed(profile: dict[str, Any], home: Path) -> Settings:
    return settings_module.parse(tomlkit.dumps(profile), where="the local stack", base=home)
