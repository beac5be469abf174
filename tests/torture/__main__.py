"""`python -m tests.torture`: kills and pairs of runs on one stack of its own, in a temporary folder."""

import argparse
import os
import secrets
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from local_stack import sample
from local_stack.services import services
from tests.domains import LIBRARY, PROFILES
from tests.running import Day, InProcess, one_spark
from tests.torture import Torn, kills, pairs
from tests.torture.bench import Bench, bench

PARTITION = "2026-11-20"
ROWS = 20  # of the stack's own data, which nobody reads


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.torture")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="else one is drawn, and printed")
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--pairs", type=int, default=20, help="of runs against each other")
    parser.add_argument("--only", choices=("kill", "pair"), help="one trial alone, with --number")
    parser.add_argument("--number", type=int, default=0)
    chosen = parser.parse_args()
    console = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)
    console.print(f"seed {chosen.seed}")
    os.environ["PIPELINE_PROFILES"] = str(PROFILES)
    with tempfile.TemporaryDirectory(prefix="torture-", ignore_cleanup_errors=True) as folder, console.status("") as on:
        home = Path(folder)
        on.update("starting the stack")
        sample.generate(home / "data", partition=LIBRARY.calendar.partition(PARTITION), rows=ROWS)
        with services(home, home / "data") as running, one_spark() as spark:
            day = Day(home, home / "data", str(running.settings_file), PARTITION)
            with bench(day, home / "deliveries", InProcess(spark), progress=on.update) as made:
                trials = Trials(made, chosen.seed, console.print, on.update)
                if chosen.only:
                    trials.play(chosen.only, chosen.number)
                else:
                    trials.kill(chosen.kills)
                    for number in range(chosen.pairs):
                        trials.play("pair", number)
    sys.exit(trials.verdict())


class Trials:
    def __init__(self, on: Bench, seed: int, say: Callable[[str], None], progress: Callable[[str], None]) -> None:
        self.bench = on
        self.seed = seed
        self.say = say
        self.progress = progress
        self.torn: list[str] = []
        self.looks = 0
        self.played = 0

    def kill(self, wanted: int) -> None:
        """A job that ends before its moment does not count; of those there are fewer than the others."""
        killed = number = 0
        while killed < wanted and number < 2 * wanted:
            killed += self.play("kill", number)
            number += 1
        self.say(f"{killed} jobs killed, {number - killed} had ended before")

    def play(self, kind: str, number: int) -> bool:
        """Whether it was a job killed, or two runs that overlapped."""
        self.played += 1
        try:
            if kind == "kill":
                kill = kills.Kill.drawn(self.seed, number, self.bench.phases)
                self.progress(str(kill))
                return self._killed(kill, kills.play(self.bench, kill, seed=self.seed))
            pair = pairs.Pair.drawn(self.seed, number, self.bench.phases)
            self.progress(str(pair))
            return self._paired(pair, pairs.play(self.bench, pair, seed=self.seed))
        except Torn as torn:
            again = f"python -m tests.torture --seed {self.seed} --only {kind} --number {number}"
            self.torn.append(again)
            self.say(f"TORN, seed {self.seed}: {torn}\nagain: {again}")
            return True

    def _killed(self, kill: kills.Kill, played: kills.Played) -> bool:
        self.looks += played.looks
        how = f"readers had {played.seen}" if played.killed else "it had ended"
        self.say(f"{kill}: {how}; {kill.again}: right")
        return played.killed

    def _paired(self, pair: pairs.Pair, played: pairs.Played) -> bool:
        self.looks += played.looks
        how = "both had begun before either published" if played.overlapped else "not sure to have overlapped"
        self.say(f"{pair}: {how}, exit codes {played.codes}: one whole day")
        return played.overlapped

    def verdict(self) -> str | int:
        self.say(f"seed {self.seed}: {self.played} trials, {self.looks} looks at the whole day, {len(self.torn)} torn")
        return "\n".join(f"again: {each}" for each in self.torn) if self.torn else 0


if __name__ == "__main__":
    main()
