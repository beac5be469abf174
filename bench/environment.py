"""The peers' Python, with what they need and nothing of this project's.

The versions are those that a new project would take today; Spark's is this project's, so that the engine is the same.
"""

import subprocess
import sys
from pathlib import Path

from pipeline_assets.home import cache

_REQUIREMENTS = Path(__file__).parent / "peers" / "requirements.txt"


def python() -> str:
    """Its interpreter; made where it is missing or of other requirements."""
    folder = cache() / "bench" / "peers"
    stamp, wanted = folder / "installed", _REQUIREMENTS.read_text()
    interpreter = str(folder / "bin" / "python")
    if not (stamp.exists() and stamp.read_text() == wanted):
        uv = str(Path(sys.executable).with_name("uv"))
        subprocess.run([uv, "venv", "-q", "--clear", "--python", sys.executable, str(folder)], check=True)
        subprocess.run([uv, "pip", "install", "-q", "--python", interpreter, "-r", str(_REQUIREMENTS)], check=True)
        stamp.write_text(wanted)
    return interpreter
