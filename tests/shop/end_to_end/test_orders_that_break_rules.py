"""Rejected orders: published with their reasons always, and blocking the day when they are too many."""

import re
from pathlib import Path

from tests.own_days import succeeded
from tests.running import Day, InProcess, readers_see
from tests.shop.end_to_end.conftest import deliver, good_lines


def test_too_many_rejects_block_the_orders_and_can_be_read(own_day: Day, run_job: InProcess, tmp_path: Path) -> None:
    before = readers_see(own_day.settings, own_day.partition)
    uri = deliver(own_day, tmp_path, good_lines(own_day)[:8], raw=b"not json\n{'order_id': 1}")
    ended = run_job("extract_orders", settings_uri=uri, partition=own_day.partition)
    assert ended.code == 1
    assert re.fullmatch(
        rf"CheckFailed: intermediate\.orders {own_day.partition}: expected rejected_share: at most 0\.01, found 0\.2\. "
        r"Nothing was published but the rejects: pipeline query \"SELECT reason, raw FROM "
        rf"intermediate\.rejected_orders WHERE partition_date = '{own_day.partition}'\"",
        ended.last_line,
    ), ended.output
    after = readers_see(own_day.settings, own_day.partition)
    rejects = after.pop("intermediate.rejected_orders")
    reasons = [re.search(r"'reason': '(\w+)', 'raw': (.*)}", each) for each in rejects]
    assert [reason and reason.groups() for reason in reasons] == [  # type: ignore[union-attr]
        ("malformed_json", "\"{'order_id': 1}\""),
        ("malformed_json", "'not json'"),
    ]
    assert after == {dataset: rows for dataset, rows in before.items() if dataset in after}


def test_a_currency_without_a_rate_blocks_the_day(own_day: Day, run_job: InProcess, tmp_path: Path) -> None:
    uri = deliver(own_day, tmp_path, [{**good_lines(own_day)[0], "currency": "XAU"}])
    succeeded(run_job, "extract_orders", own_day, uri)
    before = readers_see(own_day.settings, own_day.partition)
    ended = run_job("master", settings_uri=own_day.settings_uri, partition=own_day.partition)
    assert ended.code == 1
    assert re.search(
        rf"CheckFailed: final\.order_facts {own_day.partition}: expected fx_rate_known: .*, found 1 \(XAU\); "
        r".*required_columns: 1 in net_amount_usd; keys \(O-\d+-\d+\); final\.daily_sales required_columns: .*\. "
        r"Nothing was published\. Mend the source\.",
        ended.last_line,
    ), ended.output
    assert readers_see(own_day.settings, own_day.partition) == before
