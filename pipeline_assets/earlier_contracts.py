"""The contracts of a folder as they were at a commit, or those of another folder. Reads git; checks nothing out.

Does not own: what a difference means (emr_jobs.contracts.compare).
Invariant: a file that is no valid contract by today's rules is named, not taken for one that was not there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from emr_jobs.contracts import Contract
from emr_jobs.contracts.compare import Comparison, compared
from emr_jobs.contracts.load import SUFFIX, load_each
from emr_jobs.core.errors import Misconfigured

from pipeline_assets import commits


@dataclass(frozen=True)
class Earlier:
    of: str  # commit or folder
    contracts: Mapping[str, Contract]
    invalid: Mapping[str, list[str]]  # the faults by dataset


def earlier_contracts(against: str, folder: Path) -> Earlier:
    """`against`: a folder with contracts, else what git knows as a commit. Raises Misconfigured for neither."""
    if any(Path(against).glob(f"*{SUFFIX}")):
        return _loaded(against, Path(against))
    commit = _commit(against, folder)
    names = [name for name in commits.names(folder, commit) if name.endswith(SUFFIX)]
    if not names:
        raise Misconfigured(
            f"{folder}: expected contracts at {against} ({commit}), found none. --against takes a folder"
        )
    with TemporaryDirectory(prefix="pipeline-contracts-") as copies:
        for name in names:
            (Path(copies) / name).write_bytes(commits.content(folder, commit, name))
        return _loaded(commit, Path(copies))


def comparisons_since(
    against: str, folder: Path, written: Mapping[str, Contract], found: Mapping[str, Contract]
) -> tuple[Earlier, list[Comparison]]:
    """`written`: the folder's, to which the domain adds derived checks in `found`."""
    earlier = earlier_contracts(against, folder)
    # A dataset that had a file and is derived today is not gone.
    derived = {name: each for name, each in found.items() if name in earlier.contracts and name not in written}
    now = {name: each for name, each in {**written, **derived}.items() if name not in earlier.invalid}
    return earlier, compared(earlier.contracts, now)


def _loaded(of: str, folder: Path) -> Earlier:
    contracts, faults = load_each(folder, None)
    return Earlier(of, contracts, {name.removesuffix(SUFFIX): found for name, found in faults.items()})


def _commit(against: str, folder: Path) -> str:
    try:
        return commits.commit(against, folder)
    except Misconfigured as error:
        raise Misconfigured(f"--against {against}: expected a folder with *{SUFFIX} or a commit; {error}") from None
