"""The fixture domain, which every test of machinery is about, and its profiles; the domain that the checkout runs."""

from pathlib import Path

from emr_jobs.core import settings
from emr_jobs.domain import Domain, domain, domain_of
from pipeline_assets.home import ROOT

LIBRARY = domain("tests.library")
PROFILES = Path(__file__).parent / "library" / "settings"
LOCAL, EMULATOR, PRODUCTION = (PROFILES / f"{name}.toml" for name in ("local", "emulator", "production"))


def settings_domain() -> Domain:
    """That settings/ names: the fixture domain in a checkout without another one."""
    return domain_of(settings.load(str(ROOT / "settings" / "local.toml")))
