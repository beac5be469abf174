"""The sign of life of a run: a line in its own log as long as the process of a step is there.

Dagster asks nobody whether the container of a run is still there. Whoever looks at the run's newest event knows
(sensors.lost_runs). Does not own: how long a step may take; a process that hangs has a heart that beats.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

EVERY_S = 120.0


@contextmanager
def heartbeat(context: dg.AssetExecutionContext, says: str, *, every_s: float = EVERY_S) -> Iterator[None]:
    """Write `says` into the run's log, every so many seconds, until the body ends."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(every_s):
            context.log.debug(says)

    heart = threading.Thread(target=beat, name="heartbeat", daemon=True)
    heart.start()
    try:
        yield
    finally:
        over.set()
        heart.join()
