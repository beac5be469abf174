import pytest
from pyspark.sql import SparkSession

from emr_jobs.core import settings
from pipeline_assets.home import ROOT
from tests.running import session_for
from tests.shop.transforms.frames import Frames


@pytest.fixture
def frames(spark: SparkSession) -> Frames:
    """In a session as jobs have it."""
    return Frames(session_for(spark, settings.load(str(ROOT / "settings" / "local.toml"))))
