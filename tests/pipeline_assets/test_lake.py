"""What a table says of itself, in a catalogue of the test's own; how jobs write to tables is end_to_end/test_lake."""

from pathlib import Path

import pytest

from emr_jobs.contracts.table import column_description
from emr_jobs.core import settings as settings_module
from emr_jobs.core.settings import Settings
from pipeline_assets import lake
from tests.domains import LIBRARY, LOCAL

MEMBERS = LIBRARY.contracts["staged.members"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Without a table."""
    values = settings_module.load(str(LOCAL))
    own = {"catalog": "sql", "uri": str(tmp_path / "catalog.db"), "warehouse": str(tmp_path / "warehouse")}
    return values.model_copy(update={"lake": values.lake.model_copy(update=own)})


def test_a_new_table_and_one_that_is_there_say_what_the_contract_says(settings: Settings) -> None:
    """In metadata alone, and once."""

    def applied() -> str:
        return dict(lake.apply(settings))[MEMBERS.id]

    def said() -> tuple[dict[str, str | None], dict[str, str | None]]:
        table = lake.opened(lake.catalog(settings), MEMBERS)
        words = {name: table.properties.get(name) for name in ("comment", "Description", "owner", "contract")}
        return words, {field.name: field.doc or None for field in table.schema().fields}

    declared = (
        {
            "comment": MEMBERS.description,
            "Description": MEMBERS.description,
            "owner": "librarians",
            "contract": f"staged.members {MEMBERS.version}",
        },
        {column.name: column_description(column) for column in MEMBERS.columns},
    )
    assert (applied(), said()) == ("created", declared)
    with lake.opened(lake.catalog(settings), MEMBERS).transaction() as change:
        change.remove_properties("owner", "comment")
        with change.update_schema() as update:
            update.update_column("branch", doc="something else")
    assert said() != declared
    assert (applied(), said()) == ("described as in the contract", declared)
    assert applied() == "unchanged"
