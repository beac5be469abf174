"""The shop's profiles for the tests of its room, and a day of it published as a user does."""

from collections.abc import Iterator

import pytest

from tests.published import published
from tests.running import Day
from tests.shop import PROFILES, SHOP

ROWS = 1500  # of the published day


@pytest.fixture(scope="package", autouse=True)
def _profiles() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIPELINE_PROFILES", str(PROFILES))
        yield


@pytest.fixture(scope="session")
def shop_day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    """A stack with a sample day of the shop, published by `pipeline run` as a user types it."""
    with published(SHOP, PROFILES, rows=ROWS, elsewhere=tmp_path_factory.mktemp("shop")) as day:
        yield day
