"""What is drawn for a kill: a round kills every job once, and leads from one delivery to the other."""

from tests.torture.kills import Kill

PHASES = {name: ["session", "publish"] for name in ("extract_loans", "extract_members", "extract_reviews", "catalogue")}


def test_a_round_kills_every_job_once_from_one_delivery_to_the_other() -> None:
    state = dict.fromkeys(PHASES, "a")
    for turn, (old, new) in enumerate([("a", "b"), ("b", "a"), ("a", "b")]):
        kills = [Kill.drawn(5, 4 * turn + position, PHASES) for position in range(4)]
        assert sorted(kill.job for kill in kills) == sorted(PHASES)
        assert kills[-1].job == "catalogue"
        for kill in kills:
            assert (kill.old, kill.new, kill.before) == (old, new, state)
            state = {**state, kill.job: kill.new}


def test_a_kill_is_drawn_by_itself() -> None:
    assert Kill.drawn(5, 9, PHASES) == Kill.drawn(5, 9, PHASES)
    assert len({str(Kill.drawn(seed, 3, PHASES)) for seed in range(20)}) > 10
