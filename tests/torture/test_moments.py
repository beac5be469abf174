"""Moments are a seed's, and most of them lie where a day is published."""

import random
from collections import Counter

from tests.torture.moments import drawn, phases_of

LOG = """26/11/26 21:12:37 WARN NativeCodeLoader: ...
phase session partition_date=2026-11-20 duration_s=6.9
phase stage marts.lending partition_date=2026-11-20 duration_s=4.8
staged dataset=marts.lending rows=100
phase publish partition_date=2026-11-20 duration_s=0.5
phase swap partition_date=2026-11-20 duration_s=0.2
"""
PHASES = ["session", "stage marts.lending", "publish", "swap"]


def test_the_phases_of_a_log_in_their_order() -> None:
    assert phases_of(LOG) == PHASES


def test_a_seed_draws_the_same_moment_again() -> None:
    assert drawn(random.Random("7 kill 3"), PHASES) == drawn(random.Random("7 kill 3"), PHASES)


def test_every_phase_is_drawn_and_most_often_those_that_publish() -> None:
    rng = random.Random(1)
    counted = Counter(drawn(rng, PHASES).phase for _ in range(200))
    assert counted.keys() == {*PHASES, "end"}
    assert counted["publish"] + counted["swap"] > 100


def test_a_moment_comes_after_the_lines_of_the_phases_before_it() -> None:
    rng = random.Random(2)
    moments = [drawn(rng, PHASES) for _ in range(100)]
    assert all([*PHASES, "end"][moment.lines] == moment.phase and moment.delay_s >= 0 for moment in moments)
