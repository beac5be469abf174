"""A home for verbs that need no service."""

from pathlib import Path

import pytest
import tomlkit

from tests.domains import LOCAL


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Settings that are not the checkout's, as those of a running stack."""
    profile = tomlkit.parse(LOCAL.read_text()).unwrap()
    profile["lake"] |= {"uri": "lake/catalog.db", "warehouse": "lake/warehouse"}
    (tmp_path / "settings.toml").write_text(tomlkit.dumps(profile))
    return tmp_path
