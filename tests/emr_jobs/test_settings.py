"""Settings are parsed once, strictly: every wrong key at once, no secret in a message, paths where the file is."""

from pathlib import Path
from typing import Any

import pytest
import tomlkit

from emr_jobs.errors import Misconfigured
from emr_jobs.settings import Settings, load, parse
from pipeline_assets.home import ROOT


def parsed(folder: Path, **sections: dict[str, Any]) -> Settings:
    """The local profile in this folder with some keys changed, `sources_orders={"uri": ...}`."""
    values = tomlkit.parse((ROOT / "settings" / "local.toml").read_text()).unwrap()
    for path, changes in sections.items():
        section = values
        for name in path.split("_"):
            section = section[name]
        section.update(changes)
    return parse(tomlkit.dumps(values), where="x.toml", base=folder)


def test_paths_are_relative_to_the_file_and_uris_are_left_alone(tmp_path: Path) -> None:
    read = parsed(tmp_path, runs={"uri": "runs"}, sources_orders={"uri": "s3://shop/orders/dt={partition}/*.json.gz"})
    assert (read.runs.uri, read.lake.warehouse) == (
        str(tmp_path / "runs"),
        f"file://{tmp_path.parent}/.pipeline/lake/warehouse",
    )
    assert read.sources.snowflake.private_key == f"file:{tmp_path.parent}/.pipeline/secrets/snowflake-key"
    assert read.sources.orders.of("2026-11-21") == "s3://shop/orders/dt=2026-11-21/*.json.gz"


def test_every_wrong_key_of_a_source_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as refused:
        parsed(
            tmp_path,
            sources_shipments={"page_size": 0, "requests_per_second": 0, "max_retries": -1, "pages": 5},
            sources_snowflake={"protocol": "ftp"},
        )
    found = str(refused.value).removeprefix("settings x.toml: ").split("; ")
    assert [each.partition(":")[0] for each in found] == [
        "sources.snowflake.protocol",
        "sources.shipments.page_size",
        "sources.shipments.requests_per_second",
        "sources.shipments.max_retries",
        "sources.shipments.pages",
    ]
    assert found[-1] == "sources.shipments.pages: unknown key"


def test_a_secret_in_the_place_of_its_name_is_refused_and_not_shown(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"^settings x\.toml: sources\.shipments\.token: ") as refused:
        parsed(tmp_path, sources_shipments={"token": "s3cr3t"})
    assert "s3cr3t" not in str(refused.value)


def test_what_is_no_toml_or_no_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"^settings x\.toml: not TOML \("):
        parse("start = ", where="x.toml", base=tmp_path)
    with pytest.raises(Misconfigured, match=rf"^settings {tmp_path}/none\.toml: not readable \(FileNotFoundError: "):
        load(f"{tmp_path}/none.toml")
