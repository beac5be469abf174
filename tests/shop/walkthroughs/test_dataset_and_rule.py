"""A dataset of other datasets and a rule, added to a copy of the shop by docs/walkthroughs.md alone."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from emr_jobs.core.partition import Partition
from pipeline_assets.home import ROOT
from shop import sample
from tests.shop import SHOP
from tests.shop.walkthroughs.checkout import Checkout, checkout
from tests.shop.walkthroughs.markdown import Block, blocks

PAGE = ROOT / "docs" / "walkthroughs.md"
ORDERS = 60


@dataclass(frozen=True)
class Walked:
    checkout: Checkout
    day: Partition
    said: dict[str, str]  # by verb


@pytest.fixture(scope="module")
def dataset_and_rule(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walked]:
    """Both are written; then the dataset's commands, so that the rule has passed a good day."""
    contract, module, job, typed = blocks(PAGE, "A dataset")
    rule, _ = blocks(PAGE, "A rule")
    day = SHOP.calendar.latest_complete(datetime.now(UTC))
    with checkout(tmp_path_factory.mktemp("dataset")) as copy:
        sample.generate(copy.data, partition=day, rows=ORDERS)
        copy.typed(["stack", "up"])
        for new in (contract, module):
            assert new.file is not None
            (copy.root / new.file).write_text(new.text)
        _insert(copy.root, job, before="\n)\n")
        _insert(copy.root, rule, after="    quality:\n")
        said = {" ".join(command[:2]): copy.typed(command) for command in typed.commands(str(day))}
        yield Walked(copy, day, said)


def _insert(root: Path, block: Block, *, before: str = "", after: str = "") -> None:
    """Into the file that the page names; what stands there once says where."""
    assert block.file is not None
    file = root / block.file
    text, mark = file.read_text(), before or after
    assert text.count(mark) == 1, (block.file, mark)
    file.write_text(text.replace(mark, f"\n{block.text}{before.lstrip()}" if before else f"{after}{block.text}"))


def test_a_dataset_has_the_rows_of_its_rule(dataset_and_rule: Walked) -> None:
    walked = dataset_and_rule
    assert walked.said["check"].endswith("nothing to mend\n")
    published = {
        dataset: walked.checkout.rows(dataset, str(walked.day))
        for dataset in ("intermediate.orders", "intermediate.order_items")
    }
    wanted = {row["order_id"] for row in published["intermediate.orders"] if row["status"] in ("pending", "paid")}
    sold: dict[str, tuple[set[str], int]] = {}
    for item in published["intermediate.order_items"]:
        if item["order_id"] in wanted:
            orders, units = sold.get(item["sku"], (set(), 0))
            sold[item["sku"]] = (orders | {item["order_id"]}, units + item["quantity"])
    rows = walked.checkout.rows("final.product_sales", str(walked.day))
    assert len(rows) > 5
    assert sorted((row["sku"], row["orders"], row["units"]) for row in rows) == sorted(
        (sku, len(orders), units) for sku, (orders, units) in sold.items()
    )


def test_a_day_that_breaks_a_rule_is_not_published(dataset_and_rule: Walked) -> None:
    walked = dataset_and_rule
    _, typed = blocks(PAGE, "A rule")
    check, run = typed.commands(str(walked.day))
    before = walked.checkout.rows("intermediate.orders", str(walked.day))
    _pay_too_much(walked.checkout.data, walked.day)
    walked.checkout.typed(check)
    ended = walked.checkout.pipeline(*run)
    assert ended.code == 1, ended.output
    assert (
        f"CheckFailed: intermediate.orders {walked.day}: expected paid_plausible: 0, found 1 (O-TOO-MUCH)"
        in ended.output
    )
    assert walked.checkout.rows("intermediate.orders", str(walked.day)) == before


def _pay_too_much(data: Path, day: Partition) -> None:
    """One order more, for which two million was paid."""
    file = sorted((data / "orders" / f"dt={day}").glob("*.json.gz"))[0]
    lines = gzip.decompress(file.read_bytes()).decode().splitlines()
    order = next(each for each in map(json.loads, lines) if each["status"] == "paid")
    order |= {"order_id": "O-TOO-MUCH", "payments": [{"method": "card", "amount": 2_000_000}]}
    file.write_bytes(gzip.compress("\n".join([*lines, json.dumps(order)]).encode()))
