"""Files of a domain, written all or none, and only what loads.

Does not own: what stands in them. Invariant: a contract that is there is not touched; a profile keeps what it has.
"""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from stat import S_IMODE

from emr_jobs import derived
from emr_jobs.catalog import Job
from emr_jobs.contracts import InvalidContracts, load
from emr_jobs.contracts.load import Layers
from emr_jobs.core import settings as settings_module
from emr_jobs.core.errors import Misconfigured

from pipeline_assets.home import write_whole


def refuse_existing(files: Sequence[Path]) -> None:
    """Raises Misconfigured naming them."""
    if there := [str(file) for file in files if file.exists()]:
        raise Misconfigured(f"{', '.join(there)}: there already, and nothing is overwritten. Nothing was written")


def require_loading(folder: Path, contracts: Mapping[str, str], *, layers: Layers, jobs: Sequence[Job]) -> None:
    """Beside what is in the folder, by file name. Raises Misconfigured with every fault."""
    with tempfile.TemporaryDirectory() as tried:
        for file in folder.glob("*.yaml"):
            shutil.copy(file, tried)
        for name, text in contracts.items():
            (Path(tried) / name).write_text(text)
        try:
            loaded = load(Path(tried), layers)
        except InvalidContracts as error:
            raise Misconfigured(f"what would be written does not load: {'; '.join(error.faults)}") from error
    found = derived.extractions(jobs, loaded)
    if faults := list(derived.faults_of(found, loaded)):
        raise Misconfigured(f"what would be written cannot be read: {'; '.join(faults)}")


def require_settings(profiles: Mapping[Path, str]) -> None:
    """Raises Misconfigured with every fault."""
    for file, text in profiles.items():
        settings_module.parse(text, where=str(file), base=file.parent)


def write(files: Mapping[Path, str], profiles: Mapping[Path, str]) -> None:
    """`files` are new, `profiles` take the place of what is there, each at once."""
    begun: list[Path] = []
    try:
        for file, text in files.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("x") as new:
                begun.append(file)
                new.write(text)
        for file, text in profiles.items():
            write_whole(file, text, mode=S_IMODE(file.stat().st_mode))
    except OSError:
        for file in begun:
            file.unlink()
        raise
