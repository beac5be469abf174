"""Two runs of one day against each other. One stands still at a random moment; meanwhile the other goes to a moment of
its own, or publishes the whole day; then both go on.

Whoever reads meanwhile sees whole days. In the end each job's datasets are one run's, of one delivery, and that run
exited 0; a run that did not publish exited with another code and said why.
"""

import json
import random
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum

from emr_jobs.catalog import Job
from emr_jobs.publish import versions
from emr_jobs.publish.search import SearchIndex
from emr_jobs.publish.versions import Version
from pipeline_assets import lake
from tests.domains import LIBRARY
from tests.running import Ended
from tests.torture import LAST, Torn
from tests.torture.bench import Bench, Process
from tests.torture.deliveries import NAMES
from tests.torture.moments import Moment, drawn
from tests.torture.readers import SEARCH, reading

SAYS_SO = ("Conflict: ", "Outdated: ", "BadInput: ")


class Rival(StrEnum):
    SAME_JOB = "another run of the job"
    WHOLE_DAY = "a run of the whole day"


@dataclass(frozen=True)
class Pair:
    """What is drawn."""

    number: int
    job: str
    rival: Rival
    deliveries: tuple[str, str]  # of the run that stands still, and of the other
    stops: Moment
    until: Moment  # of the other run of the job

    @classmethod
    def drawn(cls, seed: int, number: int, phases: Mapping[str, list[str]]) -> "Pair":
        rng = random.Random(f"{seed} pair {number}")
        job = rng.choice([job.name for job in LIBRARY.jobs] + [LAST] * 2)  # which has two targets
        rival = rng.choice(list(Rival))
        one, other = rng.sample(NAMES, 2)
        if job == LAST and rival is Rival.SAME_JOB:
            one = other  # it reads what is there
        return cls(number, job, rival, (one, other), drawn(rng, phases[job]), drawn(rng, phases[job]))

    def __str__(self) -> str:
        of = " and ".join(self.deliveries)
        until = f" until the other is {self.until}" if self.rival is Rival.SAME_JOB else ""
        return f"pair {self.number}: {self.job} against {self.rival}, of {of}, stands still {self.stops}{until}"


@dataclass(frozen=True)
class Played:
    codes: tuple[int, int]
    overlapped: bool  # each had begun before the other published anything
    looks: int  # of the reader


def play(bench: Bench, pair: Pair, *, seed: int) -> Played:
    """Raises Torn."""
    one, other = pair.deliveries
    (unlike,) = set(NAMES) - {other}
    bench.bring_about({job.name: one if job.name != LAST else unlike for job in LIBRARY.jobs})
    run_ids = [f"pair-{seed}-{pair.number}-{number}" for number in (1, 2)]
    with reading(bench.known, bench.settings, bench.day.partition) as reader, ExitStack() as processes:
        first = processes.enter_context(bench.process(pair.job, one, run_id=run_ids[0]))
        if pair.rival is Rival.SAME_JOB:
            second = processes.enter_context(bench.process(pair.job, other, run_id=run_ids[1]))
            first.until(pair.stops)
            with first.standing_still():
                overlapped = _begun(bench, first) and not _publishes(bench, first) and not _publishes(bench, second)
                second.until(pair.until)
                overlapped = overlapped and _begun(bench, second)
            runs = {first.run_id: first.wait(), second.run_id: second.wait()}
            codes = (runs[first.run_id].code, runs[second.run_id].code)
        else:
            first.until(pair.stops)
            with first.standing_still():
                overlapped = _begun(bench, first) and not _publishes(bench, first)
                for job in LIBRARY.jobs:
                    bench.publish(job.name, other)
            runs = {first.run_id: first.wait()}
            codes = (runs[first.run_id].code, 0)
    found = [*reader.strange, *_faults(bench, LIBRARY.job(pair.job), runs)]
    if overlapped and codes.count(0) != 1:
        found.append(f"each had begun before the other published, and their exit codes are {codes}")
    if found:
        logs = [f"{run_id} ends with:\n" + "\n".join(runs[run_id].output.splitlines()[-20:]) for run_id in runs]
        raise Torn("\n".join([str(pair), *found, *logs]))
    return Played(codes, overlapped, reader.looks)


def _begun(bench: Bench, process: Process) -> bool:
    """It has read what it may replace."""
    return process.lines > bench.phases[process.job].index("tables")


def _publishes(bench: Bench, process: Process) -> bool:
    """It may have published something. What its log says comes a little late, so a phase earlier counts."""
    return process.lines > bench.phases[process.job].index("audit")


def _faults(bench: Bench, job: Job, runs: Mapping[str, Ended]) -> list[str]:
    """What does not hold of the day as it is now, and of what these runs of that job said."""
    standing, published = _versions(bench)
    shown = bench.shown()
    found = []
    for each in LIBRARY.jobs:
        version, *others = dict.fromkeys(standing[dataset].wap_id for dataset in each.outputs)
        if others:
            found.append(f"{each.name}: of several runs: {[standing[dataset].wap_id for dataset in each.outputs]}")
            continue
        run_id = _run_of(version)
        if run_id in runs and runs[run_id].code != 0:
            found.append(f"{each.name}: of {run_id}, which ended with {runs[run_id].code}")
        inputs = standing[each.lead].inputs or {each.lead: version}
        deliveries = "/".join(sorted({bench.delivered_by[_run_of(made or "")] for made in inputs.values()}))
        if shown[each.name] != deliveries:
            found.append(f"{each.name}: readers see {shown[each.name]}, made from {deliveries}: {inputs}")
    for run_id, ended in runs.items():
        missing = [dataset for dataset in job.outputs if dataset != SEARCH and run_id not in published[dataset]]
        if ended.code == 0 and missing:
            found.append(f"{run_id}: ended with 0 and never published {', '.join(missing)}")
        if ended.code != 0 and not any(line.startswith(SAYS_SO) for line in ended.output.splitlines()):
            found.append(f"{run_id}: ended with {ended.code} and does not say why")
    return found


def _versions(bench: Bench) -> tuple[dict[str, Version], dict[str, set[str]]]:
    """Which version each dataset shows, and the runs that a table has ever shown."""
    partition = LIBRARY.calendar.partition(bench.day.partition)
    standing, published = {}, {}
    for contract in LIBRARY.tables:
        metadata = json.loads(lake.catalog(bench.settings).load_table(contract.id).metadata.model_dump_json())
        version = versions.of_day(metadata, partition)
        standing[contract.id] = version or Version("none", None)
        summaries = (snapshot["summary"] for snapshot in metadata["snapshots"])
        published[contract.id] = {_run_of(each[versions.PUBLISHED]) for each in summaries if versions.PUBLISHED in each}
    target = SearchIndex(bench.settings.search, LIBRARY.contracts[SEARCH])
    metas = [
        target.client.indices.get_mapping(index=index.name)[index.name]["mappings"]["_meta"]
        for index in target.published(partition)
    ]
    standing[SEARCH] = Version(" and ".join(meta["version"] for meta in metas) or "none", None)
    return standing, published


def _run_of(version: str) -> str:
    return [*version.split("."), ""][1]
