"""Judges the mutants: `python -m tests.mutants --coverage .coverage --durations test.xml --results mutants.json`.

Each goes into a copy of the tree, where pytest runs the tests that cover its line until one fails: first those that
noticed another mutant of its folder, then the quickest. A failure counts when the same test fails once more, and passes
in the copy without the mutant; otherwise the test is left out and the mutant is judged again.

Verdicts are kept one by one; those that are there are not taken again. `--tree` judges another checkout with this
list, and `--before` compares with its verdicts: what was noticed there has to be noticed here.
"""

import argparse
import ast
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from xml.etree import ElementTree

from coverage import CoverageData

from tests.mutants import LIST, ROOT, Gone, Mutant

# Tests that run a module's lines where no context of theirs is recorded.
ALSO = {
    "emr_jobs/contracts/": "tests/emr_jobs/contracts/",  # loaded once a process, by an import
    # A process of its own.
    "pipeline_assets/production/generate/": "tests/pipeline_assets/production/generate/test_synth.py",
}
NOT_COPIED = (".*", "__pycache__", "*.egg-info")


class Outcome(StrEnum):
    KILLED = "killed"
    TIMEOUT = "timeout"  # noticed too: the unchanged code needs a fraction of the limit
    SURVIVED = "survived"
    UNCOVERED = "uncovered"
    GONE = "gone"

    @property
    def noticed(self) -> bool:
        return self in (Outcome.KILLED, Outcome.TIMEOUT)


@dataclass(frozen=True)
class Verdict:
    mutant: Mutant
    outcome: Outcome
    killer: str | None = None  # the test that failed
    tests: int = 0  # that were to judge
    covering: int = 0  # of how many
    duration_s: float = 0.0


@dataclass(frozen=True)
class Coverage:
    """Which tests run which lines, and how long each takes; only those that passed."""

    data: CoverageData
    durations_s: Mapping[str, float]

    @classmethod
    def read(cls, coverage: Path, junit: Path) -> "Coverage":
        data = CoverageData(str(coverage))
        data.read()
        return cls(data, {node_id(case): float(case.get("time", 0)) for case in _cases(junit) if not _failed(case)})

    def tests_of(self, module: str, lines: Iterable[int]) -> list[str]:
        """The tests of these lines, else of the module, and those that ALSO run it; the quickest first."""
        (measured,) = (name for name in self.data.measured_files() if name.endswith(module))
        contexts = self.data.contexts_by_lineno(measured)
        tests = _tests(context for line in lines for context in contexts.get(line, ()))
        tests = tests or _tests(context for of_line in contexts.values() for context in of_line)
        also = tuple(prefix for folder, prefix in ALSO.items() if module.startswith(folder))
        tests |= {test for test in self.durations_s if test.startswith(also)}
        return sorted(tests & self.durations_s.keys(), key=lambda test: (self.durations_s[test], test))

    def affordable(self, tests: Sequence[str], budget_s: float, *, first: Collection[str]) -> list[str]:
        """At least one, those of `first` before the others."""
        total_s = 0.0
        chosen: list[str] = []
        for test in sorted(tests, key=lambda test: test not in first):
            total_s += self.durations_s[test]
            if chosen and total_s > budget_s:
                break
            chosen.append(test)
        return chosen


def _tests(contexts: Iterable[str]) -> set[str]:
    """A context is `<node id>|setup`, `|run` or `|teardown`; empty outside of tests."""
    return {context.rpartition("|")[0] for context in contexts if context}


def _cases(junit: Path) -> list[ElementTree.Element]:
    return list(ElementTree.parse(junit).getroot().iter("testcase"))


def _failed(case: ElementTree.Element) -> bool:
    return any(case.find(kind) is not None for kind in ("failure", "error", "skipped"))


def node_id(case: ElementTree.Element) -> str:
    """The tests are functions of modules, so the class that JUnit wants is the module."""
    return f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}"


def statement(source: str, line: int) -> range:
    """The lines, from 1, of the statement that a line belongs to; of a compound one only its head."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.stmt):
            within = [each.lineno for each in ast.walk(node) if isinstance(each, ast.stmt) and each is not node]
            last = min(within) - 1 if within else node.end_lineno or node.lineno
            if node.lineno <= line <= last:
                return range(node.lineno, last + 1)
    return range(line, line + 1)


@dataclass(frozen=True)
class Copy:
    """A copy of the tree in which tests run."""

    folder: Path
    cache: Path
    sound: dict[str, bool] = field(default_factory=dict)  # whether a test passes here without a mutant

    @classmethod
    @contextmanager
    def of(cls, tree: Path) -> Iterator["Copy"]:
        cache = Path(os.environ.get("PIPELINE_CACHE", tree / ".cache")).resolve()
        with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
            copied = shutil.copytree(tree, Path(folder) / "tree", ignore=shutil.ignore_patterns(*NOT_COPIED))
            yield cls(copied, cache)

    @contextmanager
    def holding(self, mutant: Mutant) -> Iterator[None]:
        path = self.folder / mutant.module
        source = path.read_text()
        path.write_text(mutant.applied(source))
        try:
            yield
        finally:
            path.write_text(source)

    def failing(self, tests: Sequence[str], *, limit_s: float) -> str | None:
        """The first that fails, or None. Raises TimeoutExpired."""
        junit = self.folder / "judged.xml"
        junit.unlink(missing_ok=True)
        shutil.rmtree(self.folder / ".hypothesis", ignore_errors=True)  # the examples that broke the last mutant
        command = [sys.executable, "-m", "pytest", "-x", "--hypothesis-seed=0", f"--junitxml={junit}"]
        process = subprocess.Popen(
            [*command, "-o", "addopts=-q -p no:cacheprovider", *tests],
            cwd=self.folder,
            env={
                **os.environ,
                "PYTHONPATH": str(self.folder),  # before the checkout that .venv has installed
                "PYTHONDONTWRITEBYTECODE": "1",  # mutants of one second and one size would share their bytecode
                "PIPELINE_CACHE": str(self.cache),
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            code = process.wait(limit_s)
        finally:
            _end(process)
        if code == 0:
            return None
        failed = [node_id(case) for case in _cases(junit) if _failed(case)] if junit.exists() else []
        return next((test for test in failed if test in tests), tests[0])  # none: nothing could be imported

    def is_sound(self, test: str, *, limit_s: float) -> bool:
        if test not in self.sound:
            self.sound[test] = self.failing([test], limit_s=limit_s) is None
        return self.sound[test]

    def judged(
        self, mutant: Mutant, coverage: Coverage, *, first: Collection[str], budget_s: float, limit_s: float
    ) -> Verdict:
        started = time.monotonic()
        try:
            source = mutant.source(self.folder)
            lines = statement(source, mutant.at(source) + 1)
        except Gone:
            return Verdict(mutant, Outcome.GONE)
        covering = coverage.tests_of(mutant.module, lines)
        tests = coverage.affordable(covering, budget_s, first=first)
        outcome, killer = Outcome.SURVIVED if tests else Outcome.UNCOVERED, None
        while tests and outcome is Outcome.SURVIVED:
            try:
                with self.holding(mutant):
                    failed = self.failing(tests, limit_s=limit_s)
                    again = failed and self.failing([failed], limit_s=limit_s)
            except subprocess.TimeoutExpired:
                outcome = Outcome.TIMEOUT
                break
            if failed is None:
                break
            if again and self.is_sound(failed, limit_s=limit_s):
                outcome, killer = Outcome.KILLED, failed
            else:
                tests.remove(failed)
        return Verdict(mutant, outcome, killer, len(tests), len(covering), round(time.monotonic() - started, 1))


def _end(process: "subprocess.Popen[bytes]") -> None:
    """As with Ctrl-C, so that fixtures end what they started; by force when that takes too long."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def killers(taken: Iterable[Verdict], folder: Path) -> set[str]:
    return {each.killer for each in taken if each.killer and Path(each.mutant.module).parent == folder}


def verdicts(results: Path) -> dict[Mutant, Verdict]:
    if not results.exists():
        return {}
    read = [{**each, "mutant": Mutant(**each["mutant"])} for each in json.loads(results.read_text())]
    return {each["mutant"]: Verdict(**{**each, "outcome": Outcome(each["outcome"])}) for each in read}


def summary(taken: Mapping[Mutant, Verdict]) -> str:
    """A line a module, then what was not noticed."""
    modules: dict[str, Counter[Outcome]] = {}
    for verdict in taken.values():
        modules.setdefault(verdict.mutant.module, Counter())[verdict.outcome] += 1
    total = sum(modules.values(), Counter[Outcome]())
    lines = [
        f"{module}: " + ", ".join(f"{counted[each]} {each}" for each in Outcome if counted[each])
        for module, counted in [*modules.items(), ("all", total)]
    ]
    unnoticed = [verdict for verdict in taken.values() if not verdict.outcome.noticed]
    return "\n".join([*lines, *(f"{each.outcome} {described(each.mutant)}" for each in unnoticed)])


def described(mutant: Mutant) -> str:
    return f"{mutant.module} {mutant.inside}: {mutant.line}  ->  {mutant.mutated}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("--coverage", type=Path, required=True, help="of pytest --cov-context=test")
    parser.add_argument("--durations", type=Path, required=True, help="the same run's --junitxml")
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--before", type=Path, help="results to compare with")
    parser.add_argument("--tree", type=Path, default=ROOT)
    parser.add_argument("--only", default="", help="modules that start so")
    parser.add_argument("--budget-s", type=float, default=90, help="of tests a mutant, by their durations")
    parser.add_argument("--limit-s", type=float, default=240, help="of time a mutant")
    chosen = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it, and so would pytest
    coverage = Coverage.read(chosen.coverage, chosen.durations)
    mutants = [Mutant(**each) for each in json.loads(LIST.read_text())]
    taken = verdicts(chosen.results)
    with Copy.of(chosen.tree) as copy:
        for mutant in mutants:
            if mutant not in taken and mutant.module.startswith(chosen.only):
                taken[mutant] = copy.judged(
                    mutant,
                    coverage,
                    first=killers(taken.values(), Path(mutant.module).parent),
                    budget_s=chosen.budget_s,
                    limit_s=chosen.limit_s,
                )
                print(f"{taken[mutant].outcome} {taken[mutant].duration_s:.0f} s {described(mutant)}", flush=True)
                chosen.results.write_text(json.dumps([asdict(each) for each in taken.values()], indent=1) + "\n")
    print(summary(taken))
    before = verdicts(chosen.before) if chosen.before else {}
    lost = [each for each, verdict in before.items() if verdict.outcome.noticed and not taken[each].outcome.noticed]
    if lost:
        sys.exit("\n".join(f"no longer noticed: {described(mutant)}" for mutant in lost))


if __name__ == "__main__":
    main()
