"""All rows and documents of a day, from the real pipeline on real services, are those that its sources delivered."""

from datetime import date

from pipeline_assets import lake
from tests.comparison import compare
from tests.domains import LIBRARY
from tests.end_to_end.expected_day import expected
from tests.lineage_events import assert_whole, published, read
from tests.running import Day


def test_a_sample_day(published_day: Day) -> None:
    wanted = expected(published_day.data, date.fromisoformat(published_day.partition))
    compare(published_day, wanted)
    assert (len(wanted["marts.lending"]), len(wanted["staged.reviews"]), len(wanted["staged.members"])) == (
        published_day.truth["loans"],
        published_day.truth["reviews"],
        published_day.truth["members"],
    )
    unknown = [row for row in wanted["marts.lending"] if row["member_name"] is None]
    assert len(unknown) == published_day.truth["planted"]["unknown_member"]


def test_its_openlineage_events_are_valid_and_name_the_tables_by_where_they_lie(published_day: Day) -> None:
    events = read(published_day.home / "lineage")
    assert_whole(events, LIBRARY)
    outputs = published(events)
    catalog = lake.catalog(published_day.settings)
    for contract in LIBRARY.tables:
        table = lake.opened(catalog, contract)
        assert outputs[contract.name]["name"] == table.location().removeprefix("file://")
        version = outputs[contract.name]["facets"]["version"]["datasetVersion"]
        assert table.snapshot_by_id(int(version)) is not None
