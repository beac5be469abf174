"""Two runs of one day against each other, held at every point: never a mix, and who did not publish says so.

And one run against an alias that cannot be changed: lake and index stay together.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from pyspark.sql import SparkSession

from emr_jobs.core.errors import BadInput, Conflict, Outdated, Unavailable
from emr_jobs.core.settings import load
from emr_jobs.maintain import maintain
from emr_jobs.publish import earlier
from emr_jobs.publish.search import SearchIndex
from pipeline_assets import lake
from tests.domains import LIBRARY
from tests.end_to_end.small_runs import BRANCH_DAYS, INDEX, LENDING, LOANS, REJECTED, SmallDay, stoppable
from tests.running import Day, session_for

_days = count()  # the index is shared: every test has a day of its own

BEFORE_COMMITS = [
    ("inputs", 1),
    ("stage", 1),
    ("load", 1),
    ("audit", 1),
    ("commits", 1),
    ("commit of a table", 1),
]
AFTER_COMMITS = [
    ("publish of a table", 2),
    ("commit of a table", 2),
    ("swap", 1),
    ("change of the alias", 2),
    ("look at the alias", 1),
]

WHILE_TAKEN_BACK = [("commits", 1), ("commit of a table", 2), ("change of the alias", 2)]


@pytest.fixture(scope="module")
def lake_uri(_own_day: Day, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Settings with a lake of the module's own, on the stack's search engine."""
    folder = tmp_path_factory.mktemp("two runs")
    uri = _own_day.settings_with(folder, lake={"uri": f"{folder}/catalog.db", "warehouse": f"file://{folder}/lake"})
    lake.apply(load(uri))
    return uri


@pytest.fixture
def day(lake_uri: str, spark: SparkSession) -> Iterator[SmallDay]:
    """Extracted by E."""
    partition = LIBRARY.calendar.of(datetime(2026, 3, 1, tzinfo=UTC).date() + timedelta(days=next(_days)))
    with stoppable():
        new = SmallDay(spark, lake_uri, partition)
        new.published("extract", "E")
        yield new


def whole(day: SmallDay, *, run: str, inputs: str) -> None:
    """One run's day in every target, of inputs of one run, and all of them say so by their versions."""
    assert day.shown() == {
        REJECTED: [(inputs,)],
        LOANS: [(inputs,)],
        LENDING: [(inputs, run)],
        BRANCH_DAYS: [(run,)],
        INDEX: [(inputs, run)],
    }
    versions = day.versions()
    (read,), (loans,) = versions[REJECTED], versions[LOANS]
    assert read[0] == loans[0]
    (lending,) = versions[LENDING]
    assert lending[1] == {REJECTED: read[0], LOANS: read[0]}
    assert versions[BRANCH_DAYS] == versions[INDEX] == [lending]


def conflict(error: Exception | None, day: SmallDay) -> bool:
    said = f"{LENDING} {day.partition}: expected to be the only run of this partition, found another run"
    return type(error) is Conflict and str(error).startswith(said)


def test_another_run_publishes_the_whole_day_while_others_have_committed_nothing(day: SmallDay) -> None:
    """One stands at each point: none of them has changed anything yet, so they do not meet each other."""
    day.published("catalogue", "O")
    waiting = {at: day.run("catalogue", f"A{number}").until(*at) for number, at in enumerate(BEFORE_COMMITS)}
    day.published("extract", "F")
    day.published("catalogue", "B")
    assert {at: conflict(run.end(), day) for at, run in waiting.items()} == dict.fromkeys(BEFORE_COMMITS, True)
    whole(day, run="B", inputs="F")


@pytest.mark.parametrize(("point", "number"), AFTER_COMMITS)
def test_another_run_publishes_the_whole_day_after_the_first_commit(day: SmallDay, point: str, number: int) -> None:
    day.published("catalogue", "O")
    a = day.run("catalogue", "A").until(point, number)
    day.published("extract", "F")
    day.published("catalogue", "B")
    assert conflict(a.end(), day)
    whole(day, run="B", inputs="F")


@pytest.mark.parametrize(("point", "number"), [("commit of a table", 1), ("change of the alias", 2)])
def test_another_run_publishes_a_day_for_the_first_time_meanwhile(day: SmallDay, point: str, number: int) -> None:
    a = day.run("catalogue", "A").until(point, number)
    day.published("catalogue", "B")
    assert conflict(a.end(), day)
    whole(day, run="B", inputs="E")


@pytest.mark.parametrize(
    ("a_until", "b_until", "first"),
    [
        (("publish of a table", 2), ("publish of a table", 2), False),
        (("commit of a table", 2), ("swap", 1), False),
        (("change of the alias", 2), ("change of the alias", 2), False),
        (("change of the alias", 2), ("change of the alias", 2), True),
    ],
    ids=["between the tables", "before the second table's commit", "before the swap", "before a day's first swap"],
)
def test_who_takes_the_lead_last_publishes_all_of_it(
    day: SmallDay, a_until: tuple[str, int], b_until: tuple[str, int], first: bool
) -> None:
    if not first:
        day.published("catalogue", "O")
    a = day.run("catalogue", "A").until(*a_until)
    b = day.run("catalogue", "B").until(*b_until)
    assert conflict(a.end(), day)
    assert b.end() is None
    whole(day, run="B", inputs="E")


@pytest.mark.parametrize("seed", [1, 2, 5])
def test_two_runs_that_take_turns_at_random(day: SmallDay, seed: int) -> None:
    day.published("catalogue", "O")
    rng = random.Random(seed)
    a, b = day.run("catalogue", "A"), day.run("catalogue", "B")
    at_once = seed < 3  # else the other begins while this one publishes
    for _ in range(1 if at_once else rng.randint(7, 9)):
        a.step()
    b.step()
    going_on = [a, b]
    while going_on:
        run = rng.choice(going_on)
        if not all(run.step() for _ in range(rng.choice((1, 2, 9)))):
            going_on.remove(run)
    errors = {"A": a.error, "B": b.error}
    assert all(error is None or conflict(error, day) for error in errors.values()), errors
    published = [name for name, error in errors.items() if error is None]
    assert len(published) == 1 or not at_once
    whole(day, run=published[-1], inputs="E")


def test_a_run_that_ends_between_lake_and_index_is_repeated(day: SmallDay) -> None:
    day.published("catalogue", "O")
    day.run("catalogue", "A", run_id="same").until("swap")
    shown = day.shown()
    assert (shown[LENDING], shown[BRANCH_DAYS], shown[INDEX]) == ([("E", "A")], [("A",)], [("E", "O")])
    day.published("catalogue", "B", run_id="same", attempt=1)
    whole(day, run="B", inputs="E")


@pytest.mark.parametrize("point", ["stage", "commits"])
def test_inputs_that_are_published_again_before_the_commit(day: SmallDay, point: str) -> None:
    day.published("catalogue", "O")
    before = day.shown(), day.versions()
    a = day.run("catalogue", "A").until(point)
    day.published("extract", "F")
    outdated = a.end()
    assert isinstance(outdated, Outdated)
    assert str(outdated).startswith(
        f"{LENDING} {day.partition}: expected inputs as this run has read them, "
        f"found {REJECTED} published again as {day.versions()[REJECTED][0][0]}, read as {before[1][REJECTED][0][0]}"
    )
    assert {dataset: day.shown()[dataset] for dataset in (LENDING, BRANCH_DAYS, INDEX)} == {
        dataset: before[0][dataset] for dataset in (LENDING, BRANCH_DAYS, INDEX)
    }


@pytest.mark.parametrize("point", ["commit of a table", "swap"])
def test_inputs_that_are_published_again_after_they_were_compared_are_a_warning(
    day: SmallDay, point: str, capsys: pytest.CaptureFixture[str]
) -> None:
    a = day.run("catalogue", "A").until(point)
    day.published("extract", "F")
    assert a.end() is None
    said = f"warning dataset={LENDING} partition_date={day.partition} found=after the commit {REJECTED} published again"
    assert said in capsys.readouterr().err
    assert (day.shown()[LENDING], day.shown()[INDEX]) == ([("E", "A")], [("E", "A")])


def test_inputs_of_two_runs_are_not_read(day: SmallDay) -> None:
    f = day.run("extract", "F").until("publish of a table", 2)
    error = day.run("catalogue", "A").end()
    assert isinstance(error, BadInput)
    assert "expected one run's day in all datasets of extract_loans, found version" in str(error)
    assert f.end() is None
    day.published("catalogue", "A")
    whole(day, run="A", inputs="F")


def test_a_command_line_again_after_another_run(day: SmallDay) -> None:
    assert day.run("catalogue", "A", run_id="same").end() is None
    day.published("extract", "F")
    day.published("catalogue", "B")
    assert day.run("catalogue", "C", run_id="same").end() is None
    whole(day, run="C", inputs="F")


def test_a_command_line_twice_at_once(day: SmallDay) -> None:
    a = day.run("catalogue", "A", run_id="same").until("commits")
    assert day.run("catalogue", "B", run_id="same").end() is None
    assert conflict(a.end(), day)
    whole(day, run="B", inputs="E")


def test_a_rollback_meanwhile(day: SmallDay, spark: SparkSession) -> None:
    day.published("catalogue", "O")
    old = {
        dataset: lake.catalog(day.settings).load_table(dataset).current_snapshot() for dataset in (LENDING, BRANCH_DAYS)
    }
    day.published("catalogue", "B")
    a = day.run("catalogue", "A").until("commits")
    for dataset, snapshot in old.items():
        assert snapshot is not None
        session_for(spark, day.settings).sql(
            f"CALL lake.system.rollback_to_snapshot('lake.{dataset}', {snapshot.snapshot_id})"
        )
    assert conflict(a.end(), day)
    assert (day.shown()[LENDING], day.shown()[BRANCH_DAYS]) == ([("E", "O")], [("O",)])
    day.published("catalogue", "C")
    whole(day, run="C", inputs="E")


@pytest.fixture
def twice(day: SmallDay) -> tuple[SmallDay, str]:
    """Published by O, then by B; and the version of O."""
    day.published("catalogue", "O")
    version = str(day.versions()[LENDING][0][0])
    day.published("catalogue", "B")
    return day, version


def test_a_day_is_taken_back_in_lake_and_search_and_a_later_run_goes_on_from_there(
    twice: tuple[SmallDay, str],
) -> None:
    day, version = twice
    assert day.rollback("catalogue", version).end() is None
    whole(day, run="O", inputs="E")
    assert day.versions()[LENDING][0][0] == version
    assert day.rollback("catalogue", version).end() is None, "done twice it is done once"
    day.published("catalogue", "C")
    whole(day, run="C", inputs="E")


@pytest.mark.parametrize(("point", "number"), WHILE_TAKEN_BACK)
def test_another_run_publishes_the_day_while_it_is_taken_back(
    twice: tuple[SmallDay, str], point: str, number: int
) -> None:
    day, version = twice
    back = day.rollback("catalogue", version).until(point, number)
    day.published("catalogue", "C")
    assert conflict(back.end(), day)
    whole(day, run="C", inputs="E")


@pytest.mark.parametrize(("point", "number"), WHILE_TAKEN_BACK)
def test_a_day_is_taken_back_while_another_run_publishes_it(
    twice: tuple[SmallDay, str], point: str, number: int
) -> None:
    day, version = twice
    a = day.run("catalogue", "A").until(point, number)
    assert day.rollback("catalogue", version).end() is None
    assert conflict(a.end(), day)
    whole(day, run="O", inputs="E")


@pytest.mark.parametrize("point", ["publish of a table", "swap"])
def test_a_day_that_was_taken_back_halfway_is_taken_back_by_the_same_once_more(
    twice: tuple[SmallDay, str], point: str
) -> None:
    day, version = twice
    day.rollback("catalogue", version).until(point, 2 if point != "swap" else 1)
    assert day.shown()[LENDING] == [("E", "O")]
    assert day.shown()[INDEX] == [("E", "B")]
    assert previous(day) == version
    assert day.rollback("catalogue", version).end() is None
    whole(day, run="O", inputs="E")


def previous(day: SmallDay) -> str | None:
    tables = {
        name: lake.as_json(lake.catalog(day.settings).load_table(name).metadata) for name in (LENDING, BRANCH_DAYS)
    }
    target = SearchIndex(day.settings.search, LIBRARY.contracts[INDEX])
    return earlier.previous(tables, target.indexed(day.partition), LENDING, day.partition)


def test_inputs_are_taken_back_and_fit_again_to_what_was_computed_of_them(day: SmallDay) -> None:
    day.published("catalogue", "O")
    version = str(day.versions()[REJECTED][0][0])
    day.published("extract", "F")
    assert day.rollback("extract", version).end() is None
    whole(day, run="O", inputs="E")


def test_a_day_is_taken_back_although_its_inputs_were_published_again(twice: tuple[SmallDay, str]) -> None:
    day, version = twice
    inputs = day.versions()[LENDING][0][1]
    day.published("extract", "F")
    assert day.rollback("catalogue", version).end() is None
    assert (day.shown()[LENDING], day.shown()[BRANCH_DAYS], day.shown()[INDEX]) == (
        [("E", "O")],
        [("O",)],
        [("E", "O")],
    )
    assert day.versions()[LENDING] == day.versions()[BRANCH_DAYS] == day.versions()[INDEX] == [(version, inputs)]
    day.published("catalogue", "C")
    whole(day, run="C", inputs="F")


def test_what_has_expired_is_refused_with_the_limit_and_nothing_changes(
    twice: tuple[SmallDay, str], spark: SparkSession
) -> None:
    day, version = twice
    upkeep(day, spark, BRANCH_DAYS, after=timedelta(days=8))
    before = day.shown(), day.versions()
    error = day.rollback("catalogue", version).end()
    assert isinstance(error, BadInput)
    assert str(error) == (
        f"{BRANCH_DAYS} {day.partition}: expected a snapshot with version {version}, found none. It has expired, or "
        "never was: snapshots are kept for 7 days (lake.snapshot_keep_days). Mend the source or the code, and run the "
        "day again"
    )
    assert (day.shown(), day.versions()) == before


def test_the_version_of_a_day_that_was_taken_back_survives_upkeep(
    twice: tuple[SmallDay, str], spark: SparkSession
) -> None:
    day, version = twice
    assert day.rollback("catalogue", version).end() is None
    upkeep(day, spark, LOANS, LENDING, BRANCH_DAYS, after=timedelta(days=8))
    assert day.shown()[LENDING] == [("E", "O")]
    assert day.versions()[LENDING][0][0] == version
    day.published("catalogue", "C")
    whole(day, run="C", inputs="E")


def test_after_upkeep_and_with_upkeep_meanwhile(day: SmallDay, spark: SparkSession) -> None:
    day.published("catalogue", "O")
    # Every snapshot before the current one expires, but for those of the rejects, whose day would be too old.
    upkeep(day, spark, LOANS, LENDING, BRANCH_DAYS, after=timedelta(days=8))
    a = day.run("catalogue", "A").until("commits")
    upkeep(day, spark, LENDING)
    day.published("extract", "F")
    day.published("catalogue", "B")
    assert conflict(a.end(), day)
    whole(day, run="B", inputs="F")


def upkeep(day: SmallDay, spark: SparkSession, *datasets: str, after: timedelta = timedelta()) -> None:
    """As if so much time had passed; Iceberg takes the clock's for files that nobody names, so they stay."""
    own = session_for(spark, day.settings)
    patient = day.settings.lake.model_copy(update={"staged_keep_days": 30})
    for dataset in datasets:
        maintain(own, LIBRARY.contracts[dataset], patient, LIBRARY.calendar, now=datetime.now(UTC) + after)


def test_an_alias_that_cannot_be_changed_leaves_the_lake_as_it_is(day: SmallDay) -> None:
    day.published("catalogue", "O")
    target = SearchIndex(day.settings.search, LIBRARY.contracts[INDEX])
    (shown,) = target.published(day.partition)
    target.client.indices.put_settings(index=shown.name, body={"index.blocks.read_only": True})
    error = day.run("catalogue", "A").end()
    target.client.indices.put_settings(index=shown.name, body={"index.blocks.read_only": None})
    assert isinstance(error, Unavailable)
    assert f"found 403 index [{shown.name}] blocked by: [FORBIDDEN/5/index read-only" in str(error)
    whole(day, run="O", inputs="E")
