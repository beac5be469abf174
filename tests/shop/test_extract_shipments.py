"""A day of the carrier's API, from its pages to what readers find in the lake."""

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from emr_jobs.core import settings as settings_module
from emr_jobs.core.settings import RestConnection
from local_stack.rest_api import RestApi
from pipeline_assets import lake
from pipeline_assets.first_records import tried
from pipeline_assets.home import ROOT
from tests.emr_jobs.sources.library_api import Answers
from tests.running import Ended, InProcess, table_rows
from tests.shop import SHOP
from tests.shop.reference.odd_inputs import make_shipment
from tests.shop.walkthroughs.markdown import blocks

DAY = SHOP.calendar.partition("2026-11-21")
NOON = datetime(2026, 11, 21, 17, tzinfo=UTC)
SOURCE = "web_api.shipments"

Row = dict[str, Any]


def shipment(key: str, **overrides: Any) -> bytes:
    return json.dumps(make_shipment(key, "O-1", NOON, **overrides)).encode()


def row(key: str, **overrides: Any) -> Row:
    """What the plain shipment becomes."""
    plain = {
        "partition_date": DAY.date,
        "shipment_id": key,
        "order_id": "O-1",
        "ordered_at": NOON,
        "carrier": "DHL",
        "service": "express",
        "shipped_at": datetime(2026, 11, 21, 20, tzinfo=UTC),
        "promised_at": datetime(2026, 11, 23, 17, tzinfo=UTC),
        "delivered_at": None,
        "cost_amount": Decimal("7.50"),
        "cost_currency": "EUR",
        "last_event_code": "picked_up",
        "last_event_at": NOON,
    }
    return plain | overrides


def reject(reason: str, raw: bytes | str) -> Row:
    raw = raw if isinstance(raw, str) else json.dumps(json.loads(raw), separators=(",", ":"))
    return {"partition_date": DAY.date, "reason": reason, "raw": raw}


@dataclass(frozen=True)
class Extraction:
    ended: Ended
    shipments: list[Row]
    rejected: list[Row]


Extracted = Callable[..., Extraction]


@pytest.fixture
def extracted(run_job: InProcess, tmp_path: Path) -> Extracted:
    """Runs the job on a day of these records, each as the API answers it, in a lake of the test's own."""

    def extract(*records: bytes) -> Extraction:
        (tmp_path / "shipments").mkdir()
        (tmp_path / "shipments" / f"dt={DAY}.jsonl.gz").write_bytes(gzip.compress(b"\n".join(records)))
        (tmp_path / "secrets").mkdir()
        (tmp_path / "secrets" / "shipments-token").touch(mode=0o600)
        (tmp_path / "secrets" / "shipments-token").write_text("a token")
        local = (ROOT / "settings" / "local.toml").read_text().replace("../.pipeline", str(tmp_path))
        auth = settings_module.parse(local, where="local", base=tmp_path).connections["carrier"].auth
        with RestApi([SHOP.contracts[SOURCE]], tmp_path, auth, lambda: "a token").served() as url:
            (tmp_path / "settings.toml").write_text(local.replace("http://127.0.0.1:9000", url))
            settings = settings_module.load(str(tmp_path / "settings.toml"))
            lake.apply(settings)
            uri = str(tmp_path / "settings.toml")
            ended = run_job("extract_shipments", settings_uri=uri, partition=str(DAY))
        found = table_rows(settings, str(DAY))
        shipments = sorted(found["intermediate.shipments"], key=lambda each: each["shipment_id"])
        rejected = sorted(found["intermediate.rejected_shipments"], key=lambda each: each["reason"])
        return Extraction(ended, shipments, rejected)

    return extract


PLAIN = [f"S-{number:03}" for number in range(396)]


def test_a_bad_record_is_a_reject_and_costs_no_other(extracted: Extracted) -> None:
    nameless, long = shipment("", carrier="UPS"), shipment("S-long", service="x" * 32_767)
    broken = b'{"shipment_id": "S-broken", "carrier": UPS}'
    odd = shipment("S-odd", carrier=7, cost={"amount": "much", "currency": "EUR"}, events=[], weight_g=300)
    day = extracted(*map(shipment, PLAIN), broken, nameless, long, odd)
    assert day.ended.code == 0, day.ended.output
    changes = ("carrier", "cost_amount", "last_event_code", "last_event_at")
    assert day.shipments == [*map(row, PLAIN), row("S-odd", **dict.fromkeys(changes))]
    assert day.rejected == [
        reject("malformed", broken.decode()),
        reject("null_shipment_id", nameless),
        reject("too_large", long),
    ]
    told = {line for line in day.ended.output.splitlines() if line.startswith("warning")}
    assert told == {
        "warning dataset=intermediate.shipments check=new_fields expected=0 found=1",
        "warning dataset=intermediate.shipments check=misread_values expected=0 found=2",
    }


def test_too_many_bad_records_block_the_day_and_can_be_read(extracted: Extracted) -> None:
    nameless = shipment("", carrier="UPS")
    day = extracted(*map(shipment, PLAIN[:98]), nameless, nameless)
    assert day.ended.last_line == (
        f"CheckFailed: intermediate.shipments {DAY}: expected rejected_share: at most 0.01, found 0.02. Nothing was "
        'published but the rejects: pipeline query "SELECT reason, raw FROM intermediate.rejected_shipments '
        f"WHERE partition_date = '{DAY}'\""
    )
    assert (day.shipments, day.rejected) == ([], [reject("null_shipment_id", nameless)] * 2)


def test_a_shipment_that_came_twice_alike_is_missed_by_the_total(extracted: Extracted) -> None:
    day = extracted(*map(shipment, PLAIN[:3]), shipment(PLAIN[0]))
    assert day.ended.last_line == (
        f"CheckFailed: intermediate.shipments {DAY}: expected total_matches: 0, found 1. "
        "The API gave so many shipments more than once, alike, so others of its total may lack. Run it again; if it "
        "stays, tell the API's owner."
    )
    assert (day.shipments, day.rejected) == ([], [])


def test_two_shipments_of_one_id_block_the_day(extracted: Extracted) -> None:
    day = extracted(*map(shipment, PLAIN[:3]), shipment(PLAIN[0], carrier="UPS"))
    assert day.ended.last_line.startswith(
        f"CheckFailed: intermediate.shipments {DAY}: expected key_unique: 0 repeated keys, found 1 repeated keys"
    )
    assert (day.shipments, day.rejected) == ([], [])


def test_what_a_function_picks_is_shown_as_it_would_be_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tmp_path / "token"
    token.touch(mode=0o600)
    token.write_text("a token")
    shop = (ROOT / "settings" / "local.toml").read_text().replace("../.pipeline/secrets/shipments-token", str(token))
    shipments = [
        {"shipment_id": "S-1", "events": [{"code": "picked_up", "at": "2026-11-21T10:00:00Z"}, {"code": 7}]},
        {"events": []},
    ]
    answers = Answers(lambda request: {"data": shipments, "next_cursor": None, "total": 2})

    def session(connection: RestConnection, *, threads: int) -> requests.Session:
        return answers.session(connection)

    monkeypatch.setattr("emr_jobs.sources.rest.client.session", session)
    values = settings_module.parse(shop, where="test", base=ROOT / "settings")
    found = tried(values, SOURCE, partition=DAY, limit=2)
    nothing = dict.fromkeys(name for name in found.columns if name not in ("shipment_id", "last_event_at"))
    assert list(found.rows) == [
        nothing
        | {
            "shipment_id": "S-1",
            "last_event_code": "picked_up",
            "last_event_at": datetime(2026, 11, 21, 10, tzinfo=UTC),
        }
    ]
    assert [reason for reason, _ in found.rejected] == ["null_shipment_id"]


def test_the_page_shows_the_entry_of_jobs_as_it_is() -> None:
    (entry,) = blocks(ROOT / "docs" / "walkthroughs.md", "A value that is no single field")
    assert entry.text in (SHOP.folder / "jobs.py").read_text()
