"""The shop: its rules once more as the oracle, its odd inputs, its transforms."""

from emr_jobs.domain import domain
from pipeline_assets.home import ROOT

SHOP = domain("shop")
PROFILES = ROOT / "settings"
