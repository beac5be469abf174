"""Three sources added to a copy of the shop by the README alone: an API, CSV of an old program, a table of Snowflake.

What is typed and what the page shows comes out of the page; what the sources deliver is this test's. No file is edited.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import tomlkit
import yaml

from emr_jobs.core.partition import Partition
from pipeline_assets.home import ROOT
from shop import sample
from tests.shop import SHOP
from tests.shop.walkthroughs import deliveries
from tests.shop.walkthroughs.checkout import Checkout, checkout
from tests.shop.walkthroughs.markdown import blocks

ORDERS = 200
LINES = 80  # of both files, with ten columns

# In a process of the copy: what a run of the job observes, by asset.
OBSERVE = """
import json, sys
import dagster as dg
from pipeline_assets.definitions import definitions

job = definitions(sys.argv[1]).resolve_job_def("observe_sources")
with dg.DagsterInstance.ephemeral() as instance:
    result = job.execute_in_process(instance=instance, partition_key=sys.argv[2])
events = [each.event_specific_data.asset_observation for each in result.all_events if each.is_asset_observation]
found = {
    each.asset_key.to_user_string(): {
        "partition": each.partition,
        "version": each.data_version,
        "metadata": {name: value.value for name, value in each.metadata.items()},
    }
    for each in events
}
print("observed " + json.dumps(found))
"""


@dataclass(frozen=True)
class Source:
    name: str
    dataset: str
    connection: str
    truth: Callable[[Partition], list[dict[str, Any]]]
    rejected: Callable[[Partition], list[tuple[str, dict[str, Any]]]] = lambda _: []
    secret: str | None = None  # by which production is let in
    others: tuple[str, ...] = ()  # states of jobs that had the secret before

    @property
    def file(self) -> str:
        return f"shop/contracts/{self.name}.odcs.yaml"

    @property
    def files(self) -> set[str]:
        return {self.file, f"shop/contracts/{self.dataset}.odcs.yaml"}

    @property
    def state(self) -> str:
        return f"Extract{self.dataset.partition('.')[2].title()}"


INVOICES = Source(
    "web_api.invoices",
    "intermediate.invoices",
    "billing",
    deliveries.invoices,
    rejected=lambda day: [("null_invoice_id", deliveries.broken_invoice(day))],
    secret="pipeline/billing-key",
)
RETURNS = Source("s3.returns", "intermediate.returns", "returns", deliveries.returns)
REFUNDS = Source(
    "snowflake.refunds",
    "intermediate.refunds",
    "warehouse",
    deliveries.refunds,
    secret="pipeline/snowflake-key",
    others=("ExtractCustomers",),
)
SOURCES = [INVOICES, RETURNS, REFUNDS]
each_source = pytest.mark.parametrize("source", SOURCES, ids=[source.name for source in SOURCES])


@dataclass(frozen=True)
class Walked:
    checkout: Checkout
    day: Partition
    new: list[dict[str, str]]  # files, by command of the first block
    changed: list[dict[str, str]]  # that were there, as they are now
    said: dict[str, str]  # by verb


@pytest.fixture(scope="module")
def three_sources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walked]:
    """The README's commands, one after another; then the day is published, once for all three."""
    begun, _, then = blocks(ROOT / "README.md", "Add a source")
    day = SHOP.calendar.latest_complete(datetime.now(UTC))
    with checkout(tmp_path_factory.mktemp("sources")) as copy:
        deliveries.write_samples(copy.root, day)
        new, changed, before = [], [], copy.files()
        for command in begun.commands(str(day)):
            copy.typed(command)
            after = copy.files()
            new.append({name: text for name, text in after.items() if name not in before})
            changed.append({name: text for name, text in after.items() if before.get(name, text) != text})
            before = after
        _deliver(copy.data, day)
        said = {" ".join(command[:2]): copy.typed(command) for command in then.commands(str(day))}
        yield Walked(copy, day, new, changed, said)


def _deliver(data: Path, day: Partition) -> None:
    sample.generate(data, partition=day, rows=ORDERS)
    for each in deliveries.neighbours(day):
        deliveries.write_invoices(data, each)
        deliveries.write_returns(data, each)
    deliveries.write_refunds(data, deliveries.neighbours(day))


@each_source
def test_a_source_is_two_contracts_and_a_connection_without_a_line_of_python(
    three_sources: Walked, source: Source
) -> None:
    new, changed = (each[SOURCES.index(source)] for each in (three_sources.new, three_sources.changed))
    assert new.keys() == source.files
    assert sum(len(text.splitlines()) for text in new.values()) <= LINES
    (table,) = yaml.safe_load(new[f"shop/contracts/{source.dataset}.odcs.yaml"])["schema"]
    assert [each["name"] for each in table["properties"]] == ["partition_date", *source.truth(three_sources.day)[0]]
    assert len(table["properties"]) == 11
    profiles = {f"settings/{name}.toml" for name in ("local", "emulator", "production")}
    assert changed.keys() == (set() if source is REFUNDS else profiles)  # the shop's connection leads there
    for text in changed.values():
        assert source.connection in tomlkit.parse(text).unwrap()["connections"]


def test_the_page_shows_what_is_written(three_sources: Walked) -> None:
    _, shown, _ = blocks(ROOT / "README.md", "Add a source")
    assert shown.file == INVOICES.file
    written = yaml.safe_load(three_sources.new[0][INVOICES.file])
    assert yaml.safe_load(shown.text)["customProperties"] == written["customProperties"]


@each_source
def test_rows_in_are_rows_out(three_sources: Walked, source: Source) -> None:
    """All of the day, none of the days around it; what is broken is a reject, with its reason."""
    walked = three_sources
    assert f"{source.dataset} " in walked.said["run --partition"]
    published = walked.checkout.rows(source.dataset, str(walked.day))
    assert deliveries.comparable(published) == deliveries.comparable(source.truth(walked.day))
    layer, _, noun = source.dataset.partition(".")
    rejected = walked.checkout.rows(f"{layer}.rejected_{noun}", str(walked.day))
    assert [(row["reason"], json.loads(row["raw"])) for row in rejected] == source.rejected(walked.day)


def test_the_rest_of_the_day_is_published_with_them(three_sources: Walked) -> None:
    published = re.findall(r"^(\w+\.\w+) ", three_sources.said["run --partition"], re.MULTILINE)
    assert set(published) >= {*SHOP.published, *(source.dataset for source in SOURCES)}
    assert three_sources.said["check"].endswith("nothing to mend\n")
    assert f"sample partition  {three_sources.day}" in three_sources.said["stack up"]
    assert "19 of 20 records would be rows of intermediate.invoices" in three_sources.said["source try"]
    assert "null_invoice_id" in three_sources.said["source try"]


@pytest.fixture(scope="module")
def observed(three_sources: Walked) -> dict[str, Any]:
    """By asset: partition, version, metadata."""
    walked = three_sources
    uri = str(walked.checkout.root / ".pipeline" / "settings.toml")
    said = walked.checkout.python(OBSERVE, uri, str(walked.day))
    (line,) = [line for line in said.splitlines() if line.startswith("observed ")]
    found: dict[str, Any] = json.loads(line.removeprefix("observed "))
    return found


@each_source
def test_dagster_observes_it(three_sources: Walked, observed: dict[str, Any], source: Source) -> None:
    found = observed[source.name.replace(".", "/")]
    assert found["version"]
    assert found["partition"] == (None if source is REFUNDS else str(three_sources.day))
    counted = {RETURNS: ("files", 2), REFUNDS: ("dagster/row_count", 3 * deliveries.ROWS)}.get(source)
    assert counted is None or counted in found["metadata"].items()


def generated(walked: Walked, folder: Path, *, runtime_roles: bool) -> dict[str, Any]:
    """The main stack's template, of production as the walkthrough left it."""
    settings = tomlkit.parse((walked.checkout.root / "settings" / "production.toml").read_text())
    settings["production"]["runtime_roles"] = runtime_roles  # type: ignore[index]
    (folder / "production.toml").write_text(tomlkit.dumps(settings))
    walked.checkout.typed(["synth", "--settings", str(folder / "production.toml"), "--out", str(folder / "made")])
    template: dict[str, Any] = json.loads((folder / "made" / "pipeline.template.json").read_text())
    return template


def naming(resources: dict[str, Any], words: str) -> set[str]:
    return {title for title, each in resources.items() if words in json.dumps(each)}


def test_a_secret_is_for_who_reads_the_source_and_a_bucket_for_the_jobs(three_sources: Walked, tmp_path: Path) -> None:
    """Of a role for all jobs, and of a role for each."""
    shared = generated(three_sources, tmp_path, runtime_roles=False)
    readers = naming(shared["Resources"], ":secret:pipeline/shipments-token-*")
    assert readers == {"EmrInstanceRole", "DagsterPolicy"}
    apart = generated(three_sources, tmp_path, runtime_roles=True)
    for source in (each for each in SOURCES if each.secret):
        arn = f":secret:{source.secret}-*"
        assert naming(shared["Resources"], arn) == readers
        roles = {f"{state}Role" for state in (source.state, *source.others)}
        assert naming(apart["Resources"], arn) == {*roles, "DagsterPolicy"}
    for template in (shared, apart):
        assert "ReturnsBucket" in template["Parameters"]
        assert naming(template["Resources"], "${ReturnsBucket}") == naming(template["Resources"], "${OrdersBucket}")
        assert naming(template["Resources"], "${ReturnsBucket}")


@each_source
def test_a_connection_that_lacks_is_named(three_sources: Walked, tmp_path: Path, source: Source) -> None:
    said = _check_without(three_sources, tmp_path, source.connection)
    assert re.search(rf"{source.file}:\d+: the settings have no \[connections.{source.connection}\]", said)


@pytest.mark.parametrize(("source", "place"), [(INVOICES, ("auth", "key")), (REFUNDS, ("private_key",))])
def test_a_secret_that_lacks_is_named(
    three_sources: Walked, tmp_path: Path, source: Source, place: tuple[str, ...]
) -> None:
    said = _check_without(three_sources, tmp_path, source.connection, *place)
    assert re.search(rf"connections\.{source.connection}\..*{place[-1]}: Field required", said)


def _check_without(walked: Walked, folder: Path, *place: str) -> str:
    """What `pipeline check` says of production without this of its connections."""
    settings = tomlkit.parse((walked.checkout.root / "settings" / "production.toml").read_text())
    *above, last = ("connections", *place)
    section: Any = settings
    for name in above:
        section = section[name]
    del section[last]
    (folder / "production.toml").write_text(tomlkit.dumps(settings))
    ended = walked.checkout.pipeline("check", "--settings", str(folder / "production.toml"))
    assert ended.code == 1, ended.output
    return ended.output
