"""A real day that is published twice and taken back, by the verbs as a user types them."""

from pathlib import Path

from tests.end_to_end.conftest import deliver, good_lines, succeeded
from tests.running import Day, InProcess, Typed, pipeline, readers_see, typed

FACTS, FINAL = "final.order_facts", ("final.order_facts", "final.daily_sales", "search.orders")
FEWER = 100


def verb(day: Day, *arguments: str, answer: str = "") -> Typed:
    return typed(*arguments, "--settings", day.settings_uri, home=day.home, answer=answer)


def test_a_day_is_looked_at_refused_alone_and_taken_back_as_a_whole(
    own_day: Day, run_job: InProcess, tmp_path: Path
) -> None:
    succeeded(run_job, "master", own_day)
    before = readers_see(own_day.settings, own_day.partition)
    succeeded(run_job, "extract_orders", own_day, deliver(own_day, tmp_path, good_lines(own_day)[:FEWER]))
    succeeded(run_job, "master", own_day)
    after = readers_see(own_day.settings, own_day.partition)
    day = ("--partition", own_day.partition)

    *_, old, new = verb(own_day, "lake", "history", FACTS, *day, "--json").json
    assert (old["rows"], new["rows"], new["operation"]) == (len(before[FACTS]), FEWER, "published")
    assert (old["days"], old["version"].count(".")) == ([own_day.partition], 3)
    shown = verb(own_day, "lake", "history", FACTS).out.splitlines()
    assert shown[0].split("  ")[0] == "readable from, New York"
    assert str(new["snapshot_id"]) in shown[-1]

    alone = verb(own_day, "lake", "rollback", FACTS, *day, "--to", str(old["snapshot_id"]), "--yes")
    assert alone.code == 1
    assert f"Tables and index go back together: pipeline rollback --partition {own_day.partition}" in alone.err
    gone = verb(own_day, "lake", "rollback", FACTS, *day, "--to", "1", "--yes")
    assert gone.code == 1
    assert "expected snapshot 1, found none. It has expired, or never was: snapshots are kept for 7 days" in gone.err
    no = verb(own_day, "rollback", *day, answer="n\n")
    assert (no.code, no.err) == (1, f"Take {own_day.partition} back? [y/N]:nothing was changed\n")
    rows = {line.split()[0]: line.split()[1:3] for line in no.out.splitlines() if line.startswith(FINAL)}
    assert rows == {dataset: [str(FEWER), str(len(before[FACTS]))] for dataset in (FACTS, FINAL[2])} | {
        FINAL[1]: [str(len(after[FINAL[1]])), str(len(before[FINAL[1]]))]
    }
    assert readers_see(own_day.settings, own_day.partition) == after

    back = pipeline("rollback", *day, "--yes", "--settings", own_day.settings_uri, home=own_day.home)
    assert back.code == 0, back.output
    assert f"published dataset={FACTS} partition_date={own_day.partition} rows={len(before[FACTS])}" in back.output
    assert "has been published again since: intermediate.order_items, intermediate.orders" in back.output
    seen = readers_see(own_day.settings, own_day.partition)
    assert {dataset: seen[dataset] for dataset in FINAL} == {dataset: before[dataset] for dataset in FINAL}
    assert {name: seen[name] for name in seen if name not in FINAL} == {
        name: after[name] for name in after if name not in FINAL
    }
    (*_, last) = verb(own_day, "lake", "history", FACTS, *day, "--json").json
    assert (last["version"], last["rows"]) == (old["version"], len(before[FACTS]))
    assert last["operation"].startswith("taken back by rollback-")
    again = verb(own_day, "lake", "rollback", FACTS, *day, "--to", str(old["snapshot_id"]), "--yes", "--json")
    assert (again.code, again.json["changed"]) == (0, False)
