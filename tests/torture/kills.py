"""Jobs killed at random moments. Four kills are a round: each job once, LAST last, from one delivery to the other.

Readers look all the time: of each dataset of the job they may see the old delivery's day, then the new one's; of every
other dataset what was there. A rerun then gives what an undisturbed run gives.
"""

import random
from dataclasses import dataclass

from tests.domains import LIBRARY
from tests.torture import LAST, Torn
from tests.torture.bench import Bench, Victim
from tests.torture.deliveries import NAMES
from tests.torture.moments import Moment, drawn
from tests.torture.readers import faults, reading

AGAIN = {"the next attempt": ("", 1), "the same command line": ("", 0), "another run": ("-again", 0)}


@dataclass(frozen=True)
class Kill:
    """What is drawn."""

    number: int
    job: str
    old: str
    new: str
    before: dict[str, str]  # whose delivery each job has published
    moment: Moment
    victim: Victim
    again: str

    @classmethod
    def drawn(cls, seed: int, number: int, phases: dict[str, list[str]]) -> "Kill":
        turn, position = divmod(number, len(LIBRARY.jobs))
        order = [job.name for job in LIBRARY.jobs if job.name != LAST]
        random.Random(f"{seed} round {turn}").shuffle(order)
        order.append(LAST)
        old, new = NAMES if turn % 2 == 0 else reversed(NAMES)
        rng = random.Random(f"{seed} kill {number}")
        return cls(
            number=number,
            job=order[position],
            old=old,
            new=new,
            before={job: new if order.index(job) < position else old for job in order},
            moment=drawn(rng, phases[order[position]]),
            victim=rng.choices(list(Victim), [2, 1, 1])[0],
            again=rng.choice(list(AGAIN)),
        )

    def __str__(self) -> str:
        return f"kill {self.number}: {self.job}, {self.old} -> {self.new}, {self.victim} {self.moment}"


@dataclass(frozen=True)
class Played:
    killed: bool  # else it had ended before the moment
    seen: str  # whose delivery the job's datasets were, when it was dead
    looks: int  # of the reader


def play(bench: Bench, kill: Kill, *, seed: int) -> Played:
    """Raises Torn."""
    bench.bring_about(kill.before)
    states = {
        dataset: [kill.old, kill.new] if job.name == kill.job else [kill.before[job.name]]
        for job in LIBRARY.jobs
        for dataset in job.outputs
    }
    run_id = f"kill-{seed}-{kill.number}"
    with reading(bench.known, bench.settings, bench.day.partition) as reader:
        with bench.process(kill.job, kill.new, run_id=run_id) as process:
            process.until(kill.moment)
            killed = process.ended() is None
            process.kill(kill.victim)
        dead = bench.shown()[kill.job]
        suffix, attempt = AGAIN[kill.again]
        rerun = bench.run(kill.job, kill.new, run_id=run_id + suffix, attempt=attempt)
    found = faults(reader, states)
    if not killed and process.ended() != 0:
        found.append(f"it was not killed and ended with {process.ended()}")
    if rerun.code != 0:
        found.append(f"its rerun as {kill.again} ended with {rerun.code}: {rerun.output[-2000:]}")
    if found:
        log = "\n".join(process.output.splitlines()[-30:])
        raise Torn("\n".join([f"{kill}, then {kill.again}", *found, f"its log ends with:\n{log}"]))
    return Played(killed, dead, reader.looks)
