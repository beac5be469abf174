"""`pipeline new` and `pipeline source try`, as a person types them."""

import gzip
import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from emr_jobs.domain import domain
from pipeline_assets.cli import app
from pipeline_assets.home import profile
from tests.pipeline_assets.conftest import Library

URL = "https://api.example/v2/fines?from={start}&to={end}"
FINES = [{"fine_id": f"F-{day}", "issued_at": f"2026-11-{day}T10:00:00Z", "note": None} for day in (20, 21)]
NOTE = "note: has no value in any record: string is a guess"


def typed(*arguments: str) -> tuple[int, str]:
    """Exit code and what was printed."""
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.output


def printed(*arguments: str) -> Any:
    code, output = typed(*arguments, "--json")
    assert code == 0, output
    return json.loads(output)


def test_a_new_source_is_written_and_says_what_to_look_at(library: Library, tmp_path: Path) -> None:
    (tmp_path / "page.json").write_text(json.dumps({"data": FINES, "total": 2}))
    code, output = typed("new", "source", "web_api.fines", "--url", URL, "--sample", "page.json")
    assert code == 0, output
    said = [line.split() for line in output.splitlines()]
    contracts = f"{library.package}/contracts"
    assert ["written", f"{contracts}/web_api.fines.odcs.yaml", "27", "lines"] in said
    assert ["written", f"{contracts}/staged.fines.odcs.yaml", "22", "lines"] in said
    assert ["written", "settings/production.toml", "[connections.fines]"] in said
    assert ["fine_id", "fine_id", "string", "2", "of", "2", "key"] in said
    assert ["note", "note", "string", "0", "of", "2"] in said
    where = f"{contracts}/web_api.fines.odcs.yaml:27"
    assert [line[1:] for line in said if line[:1] == [where]] == [NOTE.split()]
    assert ["pipeline", "check"] in said
    assert said[-1][:5] == ["pipeline", "source", "try", "web_api.fines", "--partition"]


def test_the_same_as_json(library: Library, tmp_path: Path) -> None:
    (tmp_path / "page.json").write_text(json.dumps({"data": FINES, "total": 2}))
    found = printed("new", "source", "web_api.fines", "--url", URL, "--sample", "page.json", "--connection", "club")
    assert found["written"] == [
        f"{library.package}/contracts/web_api.fines.odcs.yaml",
        f"{library.package}/contracts/staged.fines.odcs.yaml",
    ]
    assert (found["records"], found["columns"][0]) == (
        2,
        {"field": "fine_id", "column": "fine_id", "type": "string", "filled": 2},
    )
    assert found["notes"][0] == "read through connections.club, which is there"


def test_what_is_tried_is_shown_with_what_is_refused(library: Library, tmp_path: Path) -> None:
    folder = tmp_path / "desk" / "visits"
    folder.mkdir(parents=True)
    lines = [*({"visit_id": f"V-{n}", "at": f"2026-11-21T0{n}:00:00Z", "first": n == 1} for n in (1, 2)), {"new": 1}]
    file = folder / "2026-11-21.jsonl.gz"
    file.write_bytes(gzip.compress(b"".join(json.dumps(line).encode() + b"\n" for line in lines[:2])))
    code, output = typed(
        "new", "source", "files.visits", "--files", "visits/2026-11-21.jsonl.gz", "--sample", str(file)
    )
    assert code == 0, output
    contract = library.contracts / "staged.visits.odcs.yaml"
    hour = "{name: hour, logicalType: integer, transformLogic: hour(at), transformSourceObjects: [files.visits.at]}"
    contract.write_text(library.text("staged.visits").replace("    quality:\n", f"      - {hour}\n    quality:\n"))
    domain.cache_clear()  # the next command is another process
    file.write_bytes(gzip.compress(b"".join(json.dumps(line).encode() + b"\n" for line in lines)))
    local = profile("local")
    mine = local.with_name("mine.toml")
    (name,) = [line for line in local.read_text().splitlines() if line.endswith('.pipeline/data"')][-1:]
    mine.write_text(local.read_text().replace(name, f'uri = "{tmp_path / "desk"}"'))
    options = ("--partition", "2026-11-21", "--settings", str(mine))
    code, output = typed("source", "try", "files.visits", *options)
    assert code == 0, output
    assert [line.split() for line in output.splitlines()] == [
        ["visit_id", "at", "first"],
        ["V-1", "2026-11-21T01:00:00Z", "true"],
        ["V-2", "2026-11-21T02:00:00Z", "false"],
        [],
        ["2", "of", "3", "records", "would", "be", "rows", "of", "staged.visits"],
        ["made", "in", "a", "run,", "of", "other", "columns:", "hour"],
        ["not", "declared:", "new", "1"],
        [],
        ["rejected"],
        ["reason", "record"],
        ["null_visit_id", '{"new":1}'],
    ]
    found = printed("source", "try", "staged.visits", *options, "--limit", "1")
    assert found["rows"] == [{"visit_id": "V-1", "at": "2026-11-21T01:00:00Z", "first": True}]
    assert (found["records"], found["rejected"]) == (1, [])


def test_a_refusal_is_one_line(library: Library) -> None:
    code, output = typed("new", "source", "web_api.fines", "--url", "nowhere")
    assert (code, output.strip()) == (2, "Misconfigured: --url: expected http:// or https:// and a host")
    code, output = typed("new", "domain", "emr_jobs")
    assert (code, "there already, and nothing is overwritten" in output) == (2, True)


def test_contracts_with_faults_are_sentences_whatever_the_verb(library: Library) -> None:
    (library.contracts / "http.reviews.odcs.yaml").write_text("id: nothing\n")
    for verb in (("source", "try", "http.reviews"), ("run",)):
        code, output = typed(*verb, "--partition", "2026-11-21")
        assert code == 2
        assert output.startswith("InvalidContracts: ")
        assert "http.reviews.odcs.yaml $" in output
