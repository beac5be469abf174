"""Another domain in the place of the shop, in a copy of the checkout, by docs/walkthroughs.md alone."""

import gzip
import json
import re
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import tomlkit

from emr_jobs.core.partition import Calendar
from pipeline_assets.home import ROOT
from tests.shop.walkthroughs import deliveries
from tests.shop.walkthroughs.checkout import checkout
from tests.shop.walkthroughs.markdown import blocks

BERLIN = Calendar("Europe/Berlin", time(8), date(2026, 1, 1))


def test_another_domain_takes_the_place_of_the_shop(processes: None, tmp_path: Path) -> None:
    begun, then = blocks(ROOT / "docs" / "walkthroughs.md", "Another domain")
    day = BERLIN.latest_complete(datetime.now(UTC))
    example = {"id": "E-1", "occurred_at": day.start, "amount": Decimal("1.50")}
    delivered = {**example, "occurred_at": f"{day.start:%Y-%m-%dT%H:%M:%SZ}", "amount": "1.50"}
    with checkout(tmp_path) as copy:
        deliveries.write_samples(copy.root, day)
        (command,) = begun.commands(str(day))
        for change in json.loads(copy.typed([*command, "--json"]))["change"]:
            _done(copy.root, change)
        deliveries.write_returns(copy.data, day)
        file = copy.data / "examples" / str(day) / "part.jsonl.gz"
        file.parent.mkdir(parents=True)
        file.write_bytes(gzip.compress(json.dumps(delivered).encode()))
        said = [copy.typed(command) for command in then.commands(str(day))]
        assert [each.endswith("nothing to mend\n") for each in said] == [True, False, True, False, False]
        for dataset, rows in (("returns", deliveries.returns(day)), ("examples", [example])):
            published = copy.rows(f"intermediate.{dataset}", str(day))
            assert deliveries.comparable(published) == deliveries.comparable(rows)


def _done(root: Path, change: str) -> None:
    """What a person does who is told this: `FILE:LINE what`."""
    told = re.fullmatch(r"(?P<file>[\w/.]+):(?P<line>\d+) (?P<what>.*)", change)
    assert told, change
    file, what = root / told["file"], told["what"]
    if connection := re.fullmatch(r"without \[connections\.(\w+)\], until a source needs it", what):
        document = tomlkit.parse(file.read_text())
        del document["connections"][connection[1]]  # type: ignore[union-attr]
        file.write_text(tomlkit.dumps(document))
    elif domain := re.fullmatch(r'domain = "(\w+)"', what):
        document = tomlkit.parse(file.read_text())
        document["domain"] = domain[1]
        file.write_text(tomlkit.dumps(document))
    else:
        named = re.fullmatch(r"(\w+) in the place of (\w+), or beside it", what)
        assert named, change
        lines = file.read_text().splitlines(keepends=True)
        number = int(told["line"]) - 1
        assert named[2] in lines[number]
        lines[number] = re.sub(rf"\b{named[2]}\b", named[1], lines[number])
        file.write_text("".join(lines))
