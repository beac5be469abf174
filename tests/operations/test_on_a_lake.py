"""What the page says of data, typed at a lake and an index of the local AWS in which real jobs have published a day."""

from pathlib import Path
from urllib.parse import urlsplit

from pipeline_assets import lake
from tests.end_to_end.conftest import good_lines
from tests.operations.conftest import Shop
from tests.shop import SHOP

FACTS, ORDERS = "final.order_facts", "intermediate.orders"
FINAL = (FACTS, "final.daily_sales", "search.orders")
MANY, FEW = 40, 15


def test_a_day_that_was_published_twice_is_taken_back_search_alone_as_a_whole_and_an_extraction(shop: Shop) -> None:
    day = {"P": shop.day.partition}
    shop.publishes(MANY)
    first = shop.readers_see()
    shop.publishes(FEW)
    second = shop.readers_see()
    assert (len(first[FACTS]), len(second[FACTS])) == (MANY, FEW)

    for documents in (MANY, FEW):  # the index before it; once more goes forth again
        assert shop.types("pipeline search rollback --partition P", day).code == 0
        assert [count for _, count in shop.readers_see()["search.orders"]] == [documents]
    assert shop.readers_see() == second

    *_, old, new = shop.types("pipeline lake history final.order_facts --partition P", day, more=" --json").json
    assert (old["rows"], new["rows"], new["operation"], new["days"]) == (MANY, FEW, "published", [day["P"]])
    listed = shop.types("pipeline lake history final.order_facts --partition P", day).out.splitlines()
    assert listed[0].split("  ")[0] == "readable from, New York"
    assert str(new["snapshot_id"]) in listed[-1]
    alone = shop.takes_back(FACTS, old["snapshot_id"])
    assert alone.code == 1
    assert f"Tables and index go back together: pipeline rollback --partition {day['P']}" in alone.err
    gone = shop.takes_back(FACTS, 1)
    assert gone.code == 1
    assert "expected snapshot 1, found none. It has expired, or never was: snapshots are kept for 7 days" in gone.err

    no = shop.types("pipeline rollback --partition P", day, answer="n\n")
    assert (no.code, no.err) == (1, f"Take {day['P']} back? [y/N]:nothing was changed\n")
    rows = {line.split()[0]: line.split()[1:3] for line in no.out.splitlines() if line.startswith(FINAL)}
    assert rows == {dataset: [str(FEW), str(MANY)] for dataset in (FACTS, FINAL[2])} | {
        FINAL[1]: [str(len(second[FINAL[1]])), str(len(first[FINAL[1]]))]
    }
    assert shop.readers_see() == second
    back = shop.types("pipeline rollback --partition P", day, answer="y\n")
    assert back.code == 0, back.err
    assert f"published dataset={FACTS} partition_date={day['P']} rows={MANY}" in back.err
    assert "has been published again since: intermediate.order_items, intermediate.orders" in back.out + back.err
    assert shop.readers_see() == {**second, **{dataset: first[dataset] for dataset in FINAL}}
    (*_, last) = shop.types("pipeline lake history final.order_facts --partition P", day, more=" --json").json
    assert (last["version"], last["rows"]) == (old["version"], MANY)
    assert last["operation"].startswith("taken back by rollback-")
    again = shop.takes_back(FACTS, old["snapshot_id"], "--json")
    assert (again.code, again.json["changed"]) == (0, False)

    *_, extracted, _ = shop.types("pipeline lake history intermediate.orders --partition P", day, more=" --json").json
    assert extracted["rows"] == MANY
    taken = shop.types(
        "pipeline lake rollback intermediate.orders --partition P --to SNAPSHOT",
        {**day, "SNAPSHOT": str(extracted["snapshot_id"])},
        answer="y\n",
    )
    assert taken.code == 0, taken.err
    assert shop.readers_see() == first


def test_what_a_failed_check_is_about_is_looked_at(shop: Shop) -> None:
    (failed,) = shop.runs(["extract_orders"], good_lines(shop.day)[:FEW], raw=b"{broken").values()
    assert (failed.code, "expected rejected_share: at most 0.01" in failed.output) == (1, True)
    found = shop.types(
        "pipeline query \"SELECT reason, raw FROM intermediate.rejected_orders WHERE partition_date = 'P'\"",
        {"P": shop.day.partition},
        more=" --json",
    )
    assert found.json == [{"reason": "malformed_json", "raw": "{broken"}]


def test_a_table_that_nobody_can_open_is_found_and_set_back(shop: Shop) -> None:
    shop.publishes(FEW)
    published = shop.readers_see()
    table = lake.table(lake.catalog(shop.day.settings), SHOP.contracts[FACTS])
    assert table is not None
    table.append(table.schema().as_arrow().empty_table())
    lost = urlsplit(table.metadata_location)
    shop.s3.delete_object(Bucket=lost.netloc, Key=lost.path.lstrip("/"))

    looked = shop.types("pipeline lake check")
    assert looked.code == 1
    assert [line.split()[0] for line in looked.out.splitlines() if Path(lost.path).name in line] == [FACTS]
    repaired = shop.types("pipeline lake repair final.order_facts")
    assert repaired.code == 0, repaired.err
    assert shop.types("pipeline lake check").code == 0
    assert shop.readers_see() == published


def test_tables_and_index_are_brought_up_to_the_contracts(shop: Shop) -> None:
    catalog = lake.catalog(shop.day.settings)
    sales = SHOP.contracts["final.daily_sales"]
    catalog.drop_table(lake.identifier(catalog, sales))
    ended = shop.types("pipeline lake apply")
    assert ended.code == 0, ended.err
    assert lake.table(catalog, sales) is not None


def test_upkeep_keeps_what_readers_see(shop: Shop) -> None:
    shop.publishes(FEW)
    before = shop.readers_see()
    ended = shop.types("pipeline lake maintain")
    assert ended.code == 0, ended.err
    assert {line.split()[0] for line in ended.out.splitlines() if "." in line.split(" ")[0]} == {
        each.id for each in SHOP.tables
    }
    assert ended.out.endswith("\ndead letters deleted: 0\n")
    assert shop.readers_see() == before
