"""The fixture domain, and its profiles."""

from pathlib import Path

from emr_jobs.domain import domain

LIBRARY = domain("tests.library")
PROFILES = Path(__file__).parent / "library" / "settings"
LOCAL, EMULATOR, PRODUCTION = (PROFILES / f"{name}.toml" for name in ("local", "emulator", "production"))
