"""Random moments in the life of a job: so long after so many of its phase lines. Pure.

Publishing takes a second of a job's fifteen and is what may go wrong, so a moment is drawn in two steps: the phase by
its weight, then the time within. Does not own: which phases a job has; its log says so.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

END = "end"  # what comes after the last phase

# By the first word of a phase: weight, and seconds that it usually takes on two cores of one's own.
_PHASES = {
    "session": (2, 6.0),
    "tables": (1, 1.5),
    "inputs": (2, 1.5),
    "count": (1, 0.5),
    "fetch": (2, 4.0),
    "query": (2, 1.0),
    "read": (2, 5.0),
    "stage": (3, 2.0),
    "load": (4, 3.0),
    "audit": (2, 2.0),
    "preview": (2, 0.2),
    "publish": (8, 0.6),
    "swap": (8, 0.3),
    END: (3, 0.5),
}
_OTHER = (2, 1.0)
LONGER = 1.5  # than usual, on a busy machine


@dataclass(frozen=True)
class Moment:
    lines: int  # phase lines in the log
    phase: str  # that is going on then
    delay_s: float  # since the last of these lines, or the start

    def __str__(self) -> str:
        return (
            f"in {self.phase!r}, {self.delay_s:.2f} s after {f'phase line {self.lines}' if self.lines else 'its start'}"
        )


def phases_of(log: str) -> list[str]:
    """A phase says so when it ends."""
    lines = (line for line in log.splitlines() if is_phase(line))
    return [line.removeprefix("phase ").partition(" partition_date=")[0] for line in lines]


def is_phase(line: str) -> bool:
    return line.startswith("phase ") and " duration_s=" in line


def drawn(rng: random.Random, phases: Sequence[str]) -> Moment:
    """In one of a job's phases, or after them."""
    every = [*phases, END]
    kinds = [_PHASES.get(phase.partition(" ")[0], _OTHER) for phase in every]
    (lines,) = rng.choices(range(len(every)), [weight for weight, _ in kinds])
    return Moment(lines, every[lines], round(rng.uniform(0, kinds[lines][1] * LONGER), 3))
