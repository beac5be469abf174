"""What the page says of data, typed at a lake and an index of the local AWS in which real jobs have published a day."""

from pathlib import Path
from urllib.parse import urlsplit

from pipeline_assets import lake
from tests.domains import LIBRARY
from tests.end_to_end.conftest import delivered_loans
from tests.operations.conftest import OnLake

LENDING, INDEX = "marts.lending", "find.lending"
PUBLISHED = (LENDING, "marts.branch_days", INDEX)
MANY, FEW = 40, 15


def test_a_day_published_twice_is_taken_back_search_alone_as_a_whole_and_an_extraction(
    on_lake: OnLake,
) -> None:
    day = {"P": on_lake.day.partition}
    on_lake.publishes(MANY)
    first = on_lake.readers_see()
    on_lake.publishes(FEW)
    second = on_lake.readers_see()
    assert (len(first[LENDING]), len(second[LENDING])) == (MANY, FEW)

    for documents in (MANY, FEW):  # the index before it; once more goes forth again
        assert on_lake.types("pipeline search rollback --partition P", day).code == 0
        assert [count for _, count in on_lake.readers_see()[INDEX]] == [documents]
    assert on_lake.readers_see() == second

    *_, old, new = on_lake.types("pipeline lake history marts.lending --partition P", day, more=" --json").json
    assert (old["rows"], new["rows"], new["operation"], new["days"]) == (MANY, FEW, "published", [day["P"]])
    listed = on_lake.types("pipeline lake history marts.lending --partition P", day).out.splitlines()
    assert listed[0].split("  ")[0] == "readable from, Berlin"
    assert str(new["snapshot_id"]) in listed[-1]
    counted = on_lake.types("pipeline slo --days 30", more=" --days 3660 --json").json
    assert {each["dataset"] for each in counted if each["repaired"]} >= {LENDING, INDEX}
    by_day = on_lake.types("pipeline slo --dataset marts.lending", more=" --days 3660").out.splitlines()
    assert [line.split()[0] for line in by_day[:2]] == ["day", day["P"]]
    alone = on_lake.takes_back(LENDING, old["snapshot_id"])
    assert alone.code == 1
    assert f"Tables and index go back together: pipeline rollback --partition {day['P']}" in alone.err
    gone = on_lake.takes_back(LENDING, 1)
    assert gone.code == 1
    assert "expected snapshot 1, found none. It has expired, or never was: snapshots are kept for 7 days" in gone.err

    no = on_lake.types("pipeline rollback --partition P", day, answer="n\n")
    assert (no.code, no.err) == (1, f"Take {day['P']} back? [y/N]:nothing was changed\n")
    rows = {line.split()[0]: line.split()[1:3] for line in no.out.splitlines() if line.startswith(PUBLISHED)}
    assert rows == {dataset: [str(FEW), str(MANY)] for dataset in (LENDING, PUBLISHED[2])} | {
        PUBLISHED[1]: [str(len(second[PUBLISHED[1]])), str(len(first[PUBLISHED[1]]))]
    }
    assert on_lake.readers_see() == second
    back = on_lake.types("pipeline rollback --partition P", day, answer="y\n")
    assert back.code == 0, back.err
    assert f"published dataset={LENDING} partition_date={day['P']} rows={MANY}" in back.err
    assert "has been published again since: staged.loans" in back.out + back.err
    assert on_lake.readers_see() == {**second, **{dataset: first[dataset] for dataset in PUBLISHED}}
    (*_, last) = on_lake.types("pipeline lake history marts.lending --partition P", day, more=" --json").json
    assert (last["version"], last["rows"]) == (old["version"], MANY)
    assert last["operation"].startswith("taken back by rollback-")
    again = on_lake.takes_back(LENDING, old["snapshot_id"], "--json")
    assert (again.code, again.json["changed"]) == (0, False)

    *_, extracted, _ = on_lake.types("pipeline lake history staged.loans --partition P", day, more=" --json").json
    assert extracted["rows"] == MANY
    taken = on_lake.types(
        "pipeline lake rollback staged.loans --partition P --to SNAPSHOT",
        {**day, "SNAPSHOT": str(extracted["snapshot_id"])},
        answer="y\n",
    )
    assert taken.code == 0, taken.err
    assert on_lake.readers_see() == first


def test_what_a_failed_check_is_about_is_looked_at(on_lake: OnLake) -> None:
    (failed,) = on_lake.runs(["extract_loans"], delivered_loans(on_lake.day)[:FEW], raw="broken").values()
    assert (failed.code, "expected rejected_share: at most 0.01" in failed.output) == (1, True)
    found = on_lake.types(
        "pipeline query \"SELECT reason, raw FROM staged.rejected_loans WHERE partition_date = 'P'\"",
        {"P": on_lake.day.partition},
        more=" --json",
    )
    assert found.json == [{"reason": "malformed", "raw": "broken"}]


def test_a_table_that_nobody_can_open_is_found_and_set_back(on_lake: OnLake) -> None:
    on_lake.publishes(FEW)
    published = on_lake.readers_see()
    table = lake.table(lake.catalog(on_lake.day.settings), LIBRARY.contracts[LENDING])
    assert table is not None
    table.append(table.schema().as_arrow().empty_table())
    lost = urlsplit(table.metadata_location)
    on_lake.s3.delete_object(Bucket=lost.netloc, Key=lost.path.lstrip("/"))

    looked = on_lake.types("pipeline lake check")
    assert looked.code == 1
    assert [line.split()[0] for line in looked.out.splitlines() if Path(lost.path).name in line] == [LENDING]
    repaired = on_lake.types("pipeline lake repair marts.lending")
    assert repaired.code == 0, repaired.err
    assert on_lake.types("pipeline lake check").code == 0
    assert on_lake.readers_see() == published


def test_tables_and_index_are_brought_up_to_the_contracts(on_lake: OnLake) -> None:
    catalog = lake.catalog(on_lake.day.settings)
    contract = LIBRARY.contracts["marts.branch_days"]
    catalog.drop_table(lake.identifier(catalog, contract))
    ended = on_lake.types("pipeline lake apply")
    assert ended.code == 0, ended.err
    assert lake.table(catalog, contract) is not None


def test_upkeep_keeps_what_readers_see(on_lake: OnLake) -> None:
    on_lake.publishes(FEW)
    before = on_lake.readers_see()
    ended = on_lake.types("pipeline lake maintain")
    assert ended.code == 0, ended.err
    assert {line.split()[0] for line in ended.out.splitlines() if "." in line.split(" ")[0]} == {
        each.id for each in LIBRARY.tables
    }
    assert ended.out.endswith("\ndead letters deleted: 0\n")
    assert on_lake.readers_see() == before
