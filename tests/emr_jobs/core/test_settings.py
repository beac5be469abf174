"""Settings are parsed once, strictly: every wrong key at once, no secret in a message, paths where the file is."""

from pathlib import Path
from typing import Any

import pytest
import tomlkit

from emr_jobs.core.errors import Misconfigured
from emr_jobs.core.secret_ref import resolve
from emr_jobs.core.settings import Settings, load, parse
from pipeline_assets.production.apply.deploy import NOT_FOR_JOBS, dumped
from tests.domains import LOCAL, PRODUCTION


def parsed(folder: Path, **sections: dict[str, Any]) -> Settings:
    """The local profile in this folder with some keys changed, `connections_desk={"uri": ...}`."""
    values = tomlkit.parse(LOCAL.read_text()).unwrap()
    for path, changes in sections.items():
        section = values
        for name in path.split("_"):
            section = section.setdefault(name, {})
        section.update(changes)
    return parse(tomlkit.dumps(values), where="x.toml", base=folder)


def test_paths_are_relative_to_the_file_and_uris_are_left_alone(tmp_path: Path) -> None:
    read = parsed(tmp_path, runs={"uri": "runs"}, connections_desk={"uri": "s3://desk"})
    assert (read.runs.uri, read.lake.warehouse) == (
        str(tmp_path / "runs"),
        f"file://{tmp_path.parents[2]}/.pipeline/lake/warehouse",
    )
    assert read.connections["office"].private_key == f"file:{tmp_path.parents[2]}/.pipeline/secrets/office-key"
    assert read.connections["desk"].uri == "s3://desk"


@pytest.mark.parametrize(("lake", "prefix"), [({}, "library_"), ({"database_prefix": ""}, "")])
def test_databases_carry_the_name_of_the_deployment_unless_told_otherwise_and_the_jobs_know_it(
    tmp_path: Path, lake: dict[str, str], prefix: str
) -> None:
    values = tomlkit.parse(PRODUCTION.read_text()).unwrap()
    values["lake"] |= lake
    read = parse(tomlkit.dumps(values), where="x.toml", base=tmp_path)
    assert read.lake.database_prefix == prefix
    assert dumped(read, without=NOT_FOR_JOBS)["lake"]["database_prefix"] == prefix
    assert parsed(tmp_path).lake.database_prefix == ""


def test_every_wrong_key_of_a_source_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as refused:
        parsed(
            tmp_path,
            connections_club={"timeout_s": 0, "requests_per_second": 0, "max_retries": -1, "pages": 5},
            connections_office={"protocol": "ftp"},
        )
    found = str(refused.value).removeprefix("settings x.toml: ").split("; ")
    assert [each.partition(":")[0] for each in found] == [
        "connections.office.protocol",
        "connections.club.requests_per_second",
        "connections.club.timeout_s",
        "connections.club.max_retries",
        "connections.club.pages",
    ]
    assert found[-1] == "connections.club.pages: unknown key"


def test_a_secret_in_the_place_of_its_name_is_refused_and_not_shown(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"^settings x\.toml: connections\.club\.auth\.key: ") as refused:
        parsed(tmp_path, connections_club_auth={"key": "s3cr3t"})
    assert "s3cr3t" not in str(refused.value)


@pytest.mark.parametrize(
    ("section", "changes", "said"),
    [
        ("connections.club", {"url": "http://api.example/v1"}, "others could read the key. Use https"),
        (
            "connections.club",
            {"url": "http://10.0.0.7:9000/v1", "auth": {"kind": "bearer", "token": "env:T"}},
            "others could read the token. Use https",
        ),
        ("connections.club", {"url": "http://127.0.0.1.example/v1"}, "others could read the key. Use https"),
        ("connections.office", {"protocol": "http"}, "others could read what comes and act as the user"),
        (
            "connections.office",
            {"protocol": "http", "host": "db"},
            "others could read what comes and act as the user",
        ),
        (
            "search",
            {"url": "http://search:9200", "auth": "basic", "username": "u", "password": "env:P"},
            "others could read what auth basic sends. Use https",
        ),
        (
            "search",
            {"url": "http://search:9200", "auth": "sigv4", "region": "eu-west-1"},
            "others could read what auth sigv4 sends. Use https",
        ),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_proves_who_asks_is_not_sent_in_clear(
    tmp_path: Path, section: str, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(Misconfigured) as refused:
        parsed(tmp_path, **{section.replace(".", "_"): changes})
    assert str(refused.value).startswith(f"settings x.toml: {section}: ")
    assert str(refused.value).endswith(f" is for this machine only: {said}")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.8.0.1"])
def test_on_this_machine_nobody_listens(tmp_path: Path, host: str) -> None:
    basic = {"auth": "basic", "username": "u", "password": "env:P"}
    read = parsed(
        tmp_path,
        connections_club={"url": f"http://{host}:1/v1"},
        connections_office={"protocol": "http", "host": host.strip("[]")},
        search={"url": f"http://{host}:9200", **basic},
    )
    assert read.search.url == f"http://{host}:9200"
    assert parsed(tmp_path, search={"url": "http://search:9200"}).search.auth == "none"
    assert parsed(tmp_path, search={"url": "https://search", **basic}).search.auth == "basic"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("connections.club.url", "https://me:s3cr3t@api.example/v1"),
        ("connections.club.url", "https://s3cr3t@api.example/v1"),
        ("search.url", "https://me:s3cr3t@search"),
        ("connections.desk.uri", "s3://me:s3cr3t@bucket"),
        ("runs.uri", "s3a://me:s3cr3t@bucket/runs"),
    ],
)
def test_a_password_in_an_address_is_refused_and_not_shown(tmp_path: Path, key: str, value: str) -> None:
    section, _, name = key.rpartition(".")
    with pytest.raises(Misconfigured) as refused:
        parsed(tmp_path, **{section.replace(".", "_"): {name: value}})
    assert str(refused.value) == (
        f"settings x.toml: {key}: Value error, a user or password stands in the address; a secret is a reference"
    )


@pytest.mark.parametrize("value", ["search:9200", "ftp://search", "https://", "/search"])
def test_an_address_has_protocol_and_host(tmp_path: Path, value: str) -> None:
    with pytest.raises(Misconfigured, match=r"search\.url: Value error, expected http:// or https:// and a host$"):
        parsed(tmp_path, search={"url": value})


def test_a_secret_in_a_folder_with_spaces_is_read(tmp_path: Path) -> None:
    home = tmp_path / "my  home"
    home.mkdir()
    (home / "the key").touch(mode=0o600)
    (home / "the key").write_text("s3cr3t\n")
    read = parsed(home, connections_club_auth={"key": "file:the key"})
    assert read.connections["club"].auth.key == f"file:{home}/the key"
    assert resolve(read.connections["club"].auth.key) == "s3cr3t"


@pytest.mark.parametrize("ref", ["file:", "file: ", "file: a", "file:a ", "file:a\nb", "env:A B", "aws:a b", "key"])
def test_what_names_no_secret_is_refused(tmp_path: Path, ref: str) -> None:
    with pytest.raises(Misconfigured, match=r"^settings x\.toml: connections\.club\.auth\.key: "):
        parsed(tmp_path, connections_club_auth={"key": ref})


def test_what_is_no_toml_or_no_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"^settings x\.toml: not TOML \("):
        parse("start = ", where="x.toml", base=tmp_path)
    with pytest.raises(Misconfigured, match=rf"^settings {tmp_path}/none\.toml: not readable \(FileNotFoundError: "):
        load(f"{tmp_path}/none.toml")


def test_the_search_domain_is_in_the_region_of_the_rest_unless_it_says_so(tmp_path: Path) -> None:
    domain = {"url": "https://search", "auth": "sigv4"}
    with pytest.raises(Misconfigured, match=r"auth sigv4 needs a region, here or in \[aws\]$"):
        parsed(tmp_path, search=domain)
    assert parsed(tmp_path, aws={"region": "eu-west-1"}, search=domain).search.region == "eu-west-1"
    other = domain | {"region": "eu-north-1"}
    assert parsed(tmp_path, aws={"region": "eu-west-1"}, search=other).search.region == "eu-north-1"


def test_steps_on_emr_need_a_region(tmp_path: Path) -> None:
    emr = {"log_uri": "s3://a/emr", "artifacts_uri": "s3://a", "service_role": "s", "instance_profile": "i"}
    with pytest.raises(Misconfigured, match=r"\[emr\] needs region in \[aws\]: EMR tells a step none, and Python asks"):
        parsed(tmp_path, emr=emr)
    assert parsed(tmp_path, emr=emr, aws={"region": "eu-west-1"}).emr
