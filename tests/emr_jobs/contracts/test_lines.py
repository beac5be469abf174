"""The line of a fault, by the path that `load` names."""

from pathlib import Path

import pytest

from emr_jobs.contracts.lines import line_of

TEXT = """\
apiVersion: v3.2.0
id: staged.loans
customProperties:
  - property: read
    value:
      kind: rest
      pages: {kind: cursor}
schema:
  - name: loans
    properties:
      - {name: partition_date, logicalType: date}
      - name: kind
        logicalType: string
        enum: [{value: book}]
    quality:
      - {name: row_count, metric: rowCount}
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("$", 1),
        ("$.id", 2),
        ("$.customProperties.read.value.pages.field", 7),
        ("$.schema[0]", 9),
        ("$.schema[0].partition_date.logicalType", 11),
        ("$.schema[0].properties[1].enum", 14),
        ("$.schema[0].kind.enum", 14),
        ("$.schema[0].kind.nothing.of.the.kind", 12),
        ("$.schema[0].quality.row_count", 16),
        ("$.schema[0].row_count", 16),
        ("$.schema[7]", 9),
    ],
)
def test_it_is_the_deepest_part_that_is_there(tmp_path: Path, path: str, line: int) -> None:
    file = tmp_path / "staged.loans.odcs.yaml"
    file.write_text(TEXT)
    assert line_of(file, path) == line


def test_what_is_no_yaml_has_the_line_of_its_first_mistake(tmp_path: Path) -> None:
    file = tmp_path / "x.odcs.yaml"
    file.write_text("id: x\nschema: [\nteam: {}}")
    assert line_of(file, "$") == 3
