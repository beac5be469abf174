"""A domain as a package on the path: what it is made of, and what is said of one that cannot be."""

import shutil
import sys
from collections.abc import Iterator
from datetime import date, time
from pathlib import Path

import pytest

from emr_jobs import domain as domain_module
from emr_jobs.contracts import InvalidContracts
from emr_jobs.core import settings
from emr_jobs.core.errors import Misconfigured
from emr_jobs.core.partition import Calendar
from emr_jobs.domain import Layers
from pipeline_assets.home import ROOT, profile
from tests.domains import LIBRARY

domain = domain_module.domain.__wrapped__  # of each test its own

JOBS = """
from emr_jobs.catalog import Job

JOBS = (Job("count_stalls", outputs=("counted.stalls",), timeout_s=60, max_retries=0, body="kiosk.stalls:count"),)
"""
DECLARED = """
timezone = "Europe/Berlin"
run_at = 06:30:00
start = 2026-02-01
[layers]
table = ["counted"]
index = []
[search.shows]
[demo]
dataset = "counted.stalls"
sql = "SELECT 1"
words = "tea"
"""
STALLS = """
apiVersion: v3.1.0
kind: DataContract
id: counted.stalls
version: 1.0.0
status: active
team: {name: markets}
schema:
  - name: stalls
    physicalType: table
    properties:
      - {name: partition_date, logicalType: date, required: true, partitioned: true, partitionKeyPosition: 1}
"""


@pytest.fixture
def kiosk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Its folder. Nothing of it is left in this process."""
    folder = tmp_path / "kiosk"
    (folder / "contracts").mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "jobs.py").write_text(JOBS)
    (folder / "domain.toml").write_text(DECLARED)
    (folder / "contracts" / "counted.stalls.odcs.yaml").write_text(STALLS)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "kiosk"]:
        del sys.modules[name]


def test_domain_is_what_its_package_says(kiosk: Path) -> None:
    found = domain("kiosk")
    assert [job.name for job in found.jobs] == ["count_stalls"]
    assert found.published == ["counted.stalls"]
    assert found.job_of("counted.stalls") is found.job("count_stalls")
    assert [contract.id for contract in found.tables] == ["counted.stalls"]
    assert (found.indices, found.sources) == ([], [])
    assert found.calendar == Calendar("Europe/Berlin", time(6, 30), date(2026, 2, 1))
    assert found.layers == Layers(table=("counted",), index=())
    assert found.file_of(found.tables[0]) == "kiosk/contracts/counted.stalls.odcs.yaml"


def test_a_job_names_the_file_that_has_its_limits() -> None:
    """Of a package within another too; what follows from contracts is declared where that is done."""
    files = {job.name: job.declared_in for job in LIBRARY.jobs}
    derived = dict.fromkeys(("extract_loans", "extract_members", "extract_reviews"), "emr_jobs/derived.py")
    assert files == {**derived, "catalogue": "tests/library/jobs.py"}
    assert [file for file in files.values() if not (ROOT / file).is_file()] == []


def test_job_that_there_is_not_is_refused_with_those_that_there_are(kiosk: Path) -> None:
    with pytest.raises(Misconfigured, match="job stalls: kiosk has count_stalls"):
        domain("kiosk").job("stalls")


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("Europe/Berlin", "Europe/Pankow", "timezone: Value error, Europe/Pankow: no time zone of the IANA database"),
        ("06:30:00", '"early"', "run_at: Input should be in a valid time format"),
        ("run_at", "runs_at", "run_at: Field required; runs_at: unknown key"),
        ("start = 2026-02-01", "start = 2026-02-31", "not TOML"),
        ('words = "tea"', "", "demo.words: Field required"),
    ],
)
def test_what_is_wrong_in_its_file_is_named(kiosk: Path, old: str, new: str, fault: str) -> None:
    file = kiosk / "domain.toml"
    file.write_text(DECLARED.replace(old, new))
    with pytest.raises(Misconfigured) as refused:
        domain("kiosk")
    assert str(refused.value).startswith(f"{file}: {fault}")


def test_contracts_of_another_folder_are_read_when_its_own_cannot_be(kiosk: Path, tmp_path: Path) -> None:
    other, own = tmp_path / "contracts", kiosk / "contracts" / "counted.stalls.odcs.yaml"
    shutil.copytree(own.parent, other)
    own.write_text("id: counted.stalls")
    values = settings.load(str(profile("local"))).model_copy(update={"domain": "kiosk"})
    with pytest.raises(InvalidContracts):
        domain("kiosk")
    assert list(domain_module.load_as_of(values, other)) == ["counted.stalls"]


@pytest.mark.parametrize(("package", "module"), [("kiosks", "kiosks"), ("kiosk.stalls", "kiosk.stalls")])
def test_package_that_there_is_not_is_refused(kiosk: Path, package: str, module: str) -> None:
    with pytest.raises(Misconfigured, match=f"settings: domain {package}: there is no module {module}"):
        domain(package)


def test_what_its_jobs_lack_is_not_taken_for_a_missing_domain(kiosk: Path) -> None:
    (kiosk / "jobs.py").write_text("import pandas_of_nobody\n")
    with pytest.raises(ModuleNotFoundError, match="pandas_of_nobody"):
        domain("kiosk")


NOTES = """
apiVersion: v3.2.0
kind: DataContract
id: desk.notes
version: 1.0.0
status: active
team: {name: desk}
customProperties:
  - property: read
    value: {kind: files, connection: desk, path: "notes/{partition}.jsonl", format: json_lines}
schema:
  - name: notes
    physicalType: json lines
    properties:
      - {name: note, logicalType: string}
"""
READ = """
apiVersion: v3.2.0
kind: DataContract
id: counted.notes
version: 1.0.0
status: active
team: {name: markets}
schema:
  - name: notes
    physicalType: table
    properties:
      - {name: partition_date, logicalType: date, required: true, partitioned: true, partitionKeyPosition: 1}
      - {name: note, logicalType: string, required: true, transformSourceObjects: [desk.notes.note]}
"""


def test_table_of_one_source_that_no_job_publishes_is_read_by_its_contract(kiosk: Path) -> None:
    (kiosk / "contracts" / "desk.notes.odcs.yaml").write_text(NOTES)
    (kiosk / "contracts" / "counted.notes.odcs.yaml").write_text(READ)
    made = domain("kiosk")
    job = made.job("extract_notes")
    assert (job.inputs, job.outputs) == (("desk.notes",), ("counted.rejected_notes", "counted.notes"))
    assert (job.declared_in, made.job("count_stalls").declared_in) == ("emr_jobs/derived.py", "kiosk/jobs.py")
    assert [source.id for source in made.sources_of(job)] == ["desk.notes"]
    assert [column.name for column in made.contracts["counted.rejected_notes"].columns] == [
        "partition_date",
        "reason",
        "raw",
    ]
    assert made.file_of(made.contracts["counted.rejected_notes"]) == "kiosk/contracts/counted.notes.odcs.yaml"
    assert {check.name for check in made.contracts["counted.notes"].checks} == {
        *("required_columns", "rejected_share", "new_fields", "misread_values"),
    }


NOTES_JOB = """
from emr_jobs.catalog import BY_CONTRACT, Job, Pick

JOBS = (
    Job("count_stalls", outputs=("counted.stalls",), timeout_s=60, max_retries=0, body="kiosk.stalls:count"),
    Job(
        "read_notes",
        body=BY_CONTRACT,
        inputs=("desk.notes",),
        outputs=("counted.rejected_notes", "counted.notes"),
        picks=(Pick(("note",), "kiosk.notes:longest"),),
        timeout_s=90,
        max_retries=2,
    ),
)
"""
OF_LINES = """      - {name: note, logicalType: string, required: true, transformSourceObjects: [desk.notes.lines]}
"""


@pytest.fixture
def noted(kiosk: Path) -> Path:
    """With a dataset whose one column is picked out of an array."""
    (kiosk / "contracts" / "desk.notes.odcs.yaml").write_text(
        NOTES.replace("{name: note, logicalType: string}", "{name: lines, logicalType: array}")
    )
    (kiosk / "contracts" / "counted.notes.odcs.yaml").write_text(READ[: READ.index("      - {name: note,")] + OF_LINES)
    (kiosk / "jobs.py").write_text(NOTES_JOB)
    return kiosk


def test_a_job_that_reads_by_contract_can_be_declared_for_limits_and_picks_of_its_own(noted: Path) -> None:
    made = domain("kiosk")
    assert [job.name for job in made.jobs] == ["count_stalls", "read_notes"]
    assert {job.declared_in for job in made.jobs} == {"kiosk/jobs.py"}
    assert (made.job("read_notes").timeout_s, made.job("read_notes").max_retries) == (90, 2)
    assert made.contracts["counted.rejected_notes"].columns[1].accepted == ("malformed", "null_note", "too_large")
    assert made.file_of(made.contracts["counted.rejected_notes"]) == "kiosk/contracts/counted.notes.odcs.yaml"
    assert {check.name for check in made.contracts["counted.notes"].checks} == {
        *("required_columns", "rejected_share", "new_fields", "misread_values"),
    }


def test_what_is_not_picked_is_a_fault_of_the_contract(noted: Path) -> None:
    (noted / "jobs.py").write_text(NOTES_JOB.replace("picks=(Pick", "picks=() and (Pick"))
    with pytest.raises(InvalidContracts) as refused:
        domain("kiosk")
    assert refused.value.faults == (
        "counted.notes.odcs.yaml $.schema[0].note.transformSourceObjects: desk.notes.lines is an array of anything; a "
        "function picks a value of it (picks of the job in jobs.py)",
    )


PICK = '(Pick(("note",), "kiosk.notes:longest"),)'
TWICE = '(Pick(("note",), "kiosk.notes:longest"), Pick(("note", "size"), "kiosk.notes:both"))'


@pytest.mark.parametrize(
    ("old", "new", "faults"),
    [
        (
            '("counted.rejected_notes", "counted.notes")',
            '("counted.notes",)',
            ["read_notes: outputs counted.notes, but read by contract they are counted.rejected_notes, counted.notes"],
        ),
        (
            'inputs=("desk.notes",)',
            'inputs=("desk.notes", "counted.stalls")',
            ["read_notes: inputs desk.notes, counted.stalls, but read by contract they are desk.notes"],
        ),
        (
            '"counted.notes")',
            '"counted.stalls")',
            ["read_notes: read by contract, so its last output is a table of one source"],
        ),
        (
            'outputs=("counted.rejected_notes", "counted.notes")',
            "outputs=()",
            ["read_notes: read by contract, so its last output is a table of one source"],
        ),
        (
            PICK,
            TWICE,
            [
                "read_notes: picks note 2 times",
                "read_notes: picks size, which is no column of counted.notes",
            ],
        ),
        (
            "body=BY_CONTRACT",
            'body="kiosk.notes:read"',
            ["read_notes: picks, but its body is not emr_jobs.by_contract:extract"],
        ),
    ],
    ids=["without rejects", "another input", "a dataset of no source", "no output", "wrong columns", "another body"],
)
def test_what_a_job_says_wrongly_of_what_it_reads_by_contract_is_named(
    noted: Path, old: str, new: str, faults: list[str]
) -> None:
    assert old in NOTES_JOB
    (noted / "jobs.py").write_text(NOTES_JOB.replace(old, new))
    with pytest.raises(Misconfigured) as refused:
        domain("kiosk")
    assert str(refused.value).removeprefix("kiosk/jobs.py: ").split("; ") == faults


def test_a_statement_has_no_records_to_pick_of(noted: Path) -> None:
    source = noted / "contracts" / "desk.notes.odcs.yaml"
    read = source.read_text().replace("kind: files, connection: desk,", "kind: snowflake, connection: desk}\n#")
    source.write_text(read)
    with pytest.raises(Misconfigured) as refused:
        domain("kiosk")
    assert str(refused.value) == (
        "kiosk/jobs.py: read_notes: picks, but desk.notes has no records: its statement makes the columns"
    )


@pytest.mark.parametrize(
    ("jobs", "fault"),
    [
        (JOBS.replace("counted.stalls", "counted.stands"), "count_stalls: no contract counted.stands"),
        (JOBS.replace('outputs=("counted.stalls",)', "outputs=()"), "counted.stalls: no job publishes it"),
        (
            JOBS.replace("JOBS = (", "JOBS = 2 * (").replace("timeout_s", "inputs=(), timeout_s"),
            "counted.stalls: published by 2 jobs",
        ),
        (
            JOBS.replace('("counted.stalls",)', '("counted.stalls", "counted.notes")'),
            "count_stalls: its columns come from desk.notes, which is none of its inputs",
        ),
    ],
)
def test_what_jobs_name_wrongly_is_named(kiosk: Path, jobs: str, fault: str) -> None:
    (kiosk / "contracts" / "desk.notes.odcs.yaml").write_text(NOTES)
    (kiosk / "contracts" / "counted.notes.odcs.yaml").write_text(READ)
    (kiosk / "jobs.py").write_text(jobs)
    with pytest.raises(Misconfigured) as refused:
        domain("kiosk")
    assert fault in str(refused.value).removeprefix("kiosk/jobs.py: ").split("; ")
