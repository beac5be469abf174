"""A source from a sample to contracts that load and connections in three profiles."""

import csv
import gzip
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emr_jobs.contracts import Contract
from emr_jobs.contracts.read import Files, Rest, Snowflake
from emr_jobs.core import settings as settings_module
from emr_jobs.core.errors import BadInput, Misconfigured
from emr_jobs.domain import domain, load_as_of
from pipeline_assets.domain_check import check_domain
from pipeline_assets.findings import Level
from pipeline_assets.home import profile
from pipeline_assets.scaffold.draft import Draft, dataset_contract
from pipeline_assets.scaffold.page import Header
from pipeline_assets.scaffold.profiles import PROFILES
from pipeline_assets.scaffold.source import Outcome, Request, new_source
from tests.pipeline_assets.conftest import Library

URL = "https://api.example/v2/fines"
NEXT = f"{URL}?issued_from=2026-11-21T00%3A00%3A00Z&issued_to=2026-11-22T00%3A00%3A00Z&limit=20&offset=20"


def fine(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "fine_id": f"F-{number}",
        "loan": {"id": f"L-{number % 7}", "title": "Momo"},
        "issued_at": f"2026-11-21T{number:02}:00:00Z",
        "changed_at": f"2026-11-22T{number:02}:00:00Z",
        "amount": f"{number}.50",
        "currency": "EUR",
        "paid": number % 2 == 0,
        "member_email": "a@members.example",
        "notes": ["late"],
        "days": number,
    } | changes


def saved(folder: Path, body: Any, name: str = "page.json") -> Path:
    file = folder / name
    file.write_text(json.dumps(body))
    return file


def page(folder: Path, *fines: dict[str, Any]) -> Path:
    return saved(folder, {"results": fines or [fine(number) for number in range(20)], "links": {"next": NEXT}})


def reloaded(library: Library) -> dict[str, Contract]:
    """All contracts of the folder; none has a fault."""
    settings = settings_module.load(str(profile("local")))
    return dict(load_as_of(settings, library.contracts))


def columns(contract: Contract) -> dict[str, tuple[str, str | None]]:
    return {column.name: (column.logical_type, column.physical_type) for column in contract.columns}


def said(outcome: Outcome) -> list[str]:
    return [each.says for each in outcome.open]


def lines(library: Library, *ids: str) -> int:
    return sum(len(library.text(id_).splitlines()) for id_ in ids)


def faults(library: Library) -> list[str]:
    """What `pipeline check` has against it."""
    domain.cache_clear()
    found = check_domain({name: profile(name) for name in PROFILES})
    return [str(each) for each in found if each.level is Level.ERROR]


def test_an_api_s_page_becomes_two_contracts_and_a_connection(library: Library, tmp_path: Path) -> None:
    before = library.state()
    outcome = new_source(Request("web_api.fines", url=URL, sample=page(tmp_path), header=Header("X-Key", "env:KEY")))
    contracts = reloaded(library)
    assert contracts["web_api.fines"].read == Rest.model_validate(
        {
            "kind": "rest",
            "connection": "fines",
            "path": "/v2/fines",
            "params": {"issued_from": "{start}", "issued_to": "{end}", "limit": 20},
            "records": "$.results",
            "pages": {"kind": "next_url", "field": "$.links.next"},
            "complete": "unproven",
            "day_column": "$.issued_at",
        }
    )
    required = [column.name for column in contracts["web_api.fines"].columns if column.required]
    assert required == ["fine_id", "issued_at"]
    dataset = contracts["staged.fines"]
    assert columns(dataset) == {
        "partition_date": ("date", None),
        "fine_id": ("string", None),
        "loan_id": ("string", None),
        "loan_title": ("string", None),
        "issued_at": ("timestamp", None),
        "changed_at": ("timestamp", None),
        "amount": ("number", "decimal(18,2)"),
        "currency": ("string", None),
        "paid": ("boolean", None),
        "member_email": ("string", None),
        "notes": ("array", None),
        "days": ("integer", None),
    }
    assert dataset.key == ("fine_id",)
    assert [column.name for column in dataset.columns if column.required] == ["partition_date", "fine_id", "issued_at"]
    assert [column.name for column in dataset.columns if column.classification] == ["member_email"]
    assert {check.name for check in dataset.checks} == {"required_columns", "key_unique", "row_count"}
    assert [column.lineage for column in dataset.columns if column.name == "loan_id"] == [
        (("web_api.fines", "loan.id"),)
    ]
    assert lines(library, "web_api.fines", "staged.fines") <= 80
    new = {file.name for file in library.state().keys() - before.keys()}
    assert new == {"web_api.fines.odcs.yaml", "staged.fines.odcs.yaml"}
    assert said(outcome) == [
        "nothing says how many records there are, so a missing one is not noticed: total, has_more or total_request",
        "who owns the source is not known",
    ]
    source = library.text("web_api.fines").splitlines()
    assert source[outcome.open[0].line - 1].strip() == "complete: unproven"
    assert source[outcome.open[1].line - 1].strip() == "team: {name: unknown}"


def test_each_profile_keeps_what_it_has_and_gets_the_connection_in_its_way(library: Library, tmp_path: Path) -> None:
    before = library.state()
    new_source(Request("web_api.fines", url=URL, sample=page(tmp_path), header=Header("X-Key", "env:KEY")))
    for name in PROFILES:
        added = profile(name).read_text()
        kept = before[profile(name)].splitlines()
        assert [line for line in added.splitlines() if line not in kept] == [
            "[connections.fines]",
            *(['url = "https://api.example"'] if name == "production" else []),
            f'auth = {{ kind = "header", name = "X-Key", key = "{secret_in(name, library)}" }}',
        ]
        assert added.index("[connections.club]") < added.index("[connections.fines]") < added.index("[search]")
        assert "\n\n[connections.fines]\n" in added
        assert "\n\n[search]\n" in added
        loaded = settings_module.load(str(profile(name)))
        assert loaded.connections["fines"].kind == "rest"


def secret_in(name: str, library: Library) -> str:
    if name != "local":
        return "aws:pipeline/fines-key"
    kept = settings_module.load(str(profile("local"))).secrets["connections.fines.auth.key"]
    assert kept.endswith("/.pipeline/secrets/fines-key")
    (line,) = [each for each in profile("local").read_text().splitlines() if "fines-key" in each]
    return line.split('"')[-2]


def test_what_is_written_passes_pipeline_check(library: Library, tmp_path: Path) -> None:
    new_source(Request("web_api.fines", url=URL, sample=page(tmp_path)))
    assert faults(library) == []


def test_a_number_of_steps_that_a_person_has_set_is_named_when_it_no_longer_does(
    library: Library, tmp_path: Path
) -> None:
    production = profile("production")
    production.write_text(production.read_text().replace("[emr]\n", "[emr]\nstep_concurrency = 3\n"))
    new_source(Request("web_api.fines", url=URL, sample=page(tmp_path)))
    assert faults(library) == [
        "settings: emr.step_concurrency is 3, and 4 jobs run at once. Set it to 4, or leave it out: then it follows "
        "the jobs"
    ]


def test_without_a_header_bearer_is_a_guess_that_is_told(library: Library, tmp_path: Path) -> None:
    outcome = new_source(Request("web_api.fines", url=URL, sample=page(tmp_path)))
    production = profile("production")
    (doubt,) = [each for each in outcome.open if each.file == production]
    assert doubt.says.startswith("connections.fines.auth: bearer is a guess")
    assert production.read_text().splitlines()[doubt.line - 1] == "[connections.fines]"
    assert 'auth = { kind = "bearer", token = "aws:pipeline/fines-token" }' in production.read_text()


def test_a_connection_that_is_there_is_taken_and_left_as_it_is(library: Library, tmp_path: Path) -> None:
    before = library.state()
    outcome = new_source(Request("web_api.fines", url=URL, sample=page(tmp_path), connection="club"))
    after = library.state()
    assert {file: after[file] for file in before} == before
    assert outcome.notes == (
        "read through connections.club, which is there",
        "connections.club of production has another address than https://api.example",
    )
    assert reloaded(library)["web_api.fines"].connection == "club"


def test_an_address_below_a_connection_s_is_read_through_it(library: Library, tmp_path: Path) -> None:
    production = profile("production")
    production.write_text(production.read_text().replace("https://<CLUB>.example", "https://club.example/api"))
    new_source(Request("web_api.fines", url="https://club.example/api/v2/fines?state=open", sample=page(tmp_path)))
    read = reloaded(library)["web_api.fines"].read
    assert isinstance(read, Rest)
    assert (read.connection, read.path, read.params["state"]) == ("club", "/v2/fines", "open")


def returns(folder: Path, name: str = "returns.csv.gz") -> Path:
    """As an old program exports them."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=";")
    writer.writerow(
        ["Rückgabe-Nr", "Ausleihe", "Grund", "Gebühr", "Gewicht", "Erfaßt am", "Seiten", "Defekt", "Anmerkung", "PLZ"]
    )
    for number in range(30):
        row = [f"R{number}", f"{1000 + number}", "Größe; falsch", f"{number},50", f"{number}.125"]
        writer.writerow([*row, "2026-11-21T10:00:00+01:00", number, "true", 'zu "klein"\nund rot', f"0{number:04}"])
    file = folder / name
    file.write_bytes(gzip.compress(text.getvalue().encode("latin-1")))
    return file


def test_a_csv_of_an_old_program_is_read_as_it_is(library: Library, tmp_path: Path) -> None:
    path = "s3://acme-returns/returns/dt={partition}/*.csv.gz"
    outcome = new_source(Request("s3.returns", files=path, sample=returns(tmp_path)))
    contracts = reloaded(library)
    assert contracts["s3.returns"].read == Files.model_validate(
        {
            "kind": "files",
            "connection": "returns",
            "path": "returns/dt={partition}/*.csv.gz",
            "format": "csv",
            "csv": {"separator": ";", "encoding": "latin-1"},
        }
    )
    assert columns(contracts["staged.returns"]) == {
        "partition_date": ("date", None),
        "ruckgabe_nr": ("string", None),
        "ausleihe": ("integer", None),
        "grund": ("string", None),
        "gebuhr": ("string", None),
        "gewicht": ("number", "decimal(18,3)"),
        "erfasst_am": ("timestamp", None),
        "seiten": ("integer", None),
        "defekt": ("boolean", None),
        "anmerkung": ("string", None),
        "plz": ("string", None),
    }
    assert contracts["staged.returns"].key == ("ruckgabe_nr",)
    assert lines(library, "s3.returns", "staged.returns") <= 80
    assert said(outcome) == [
        "not utf-8; latin-1 reads any bytes: look at the words with accents",
        "Gebühr: numbers with a decimal comma: transformLogic: cast(replace(gebuhr, ',', '.') AS decimal(18,2))",
        "who owns the source is not known",
        "connections.returns.uri: its bucket is a parameter: pipeline deploy --parameter ReturnsBucket=acme-returns",
    ]
    uris = {name: settings_module.load(str(profile(name))).files["returns"].uri for name in PROFILES}
    assert uris["production"] == "s3://${ReturnsBucket}"
    assert uris["emulator"] == f"s3://{library.package}-returns".replace("_", "-")
    assert uris["local"].endswith("/.pipeline/data")


def test_the_day_of_an_example_path_becomes_the_partition_s(library: Library, tmp_path: Path) -> None:
    new_source(Request("s3.returns", files="returns/2026-11-21/all.csv", sample=returns(tmp_path)))
    read = reloaded(library)["s3.returns"].read
    assert isinstance(read, Files)
    assert (read.path, read.format) == ("returns/{partition}/all.csv", "csv")


def test_json_lines_and_parquet_are_told_by_name_or_content(library: Library, tmp_path: Path) -> None:
    broken = tmp_path / "visits"
    broken.write_bytes(b'{"visit_id": "V-1", "at": "2026-11-21T10:00:00Z"}\n{"visit_id": oops}\n[1]\n')
    outcome = new_source(Request("s3.visits", files="visits/{partition}/*", sample=broken))
    assert said(outcome)[0] == "2 of 3 records cannot be read: each is a reject"
    rows = pa.table(
        {
            "scan_id": pa.array([1, 2], pa.int32()),
            "scanned": pa.array(["2026-11-21T10:00:00", None]).cast(pa.timestamp("ns")),
            "fee": pa.array(["1.5", "2.25"]).cast(pa.decimal128(10, 3)),
            "weight": pa.array([1.5, 2.123456789]),
            "desk": pa.array([{"no": 1}, None]),
            "shelf": pa.array([None, None], pa.string()),
            "raw": pa.array([b"\x00", b"\x01"]),
            "kind": pa.array(["book", "film"]).dictionary_encode(),
            "price": ["1.50", "2.25"],
        }
    )
    pq.write_table(rows, tmp_path / "scans.parquet")
    outcome = new_source(Request("s3.scans", files="scans/{partition}/*", sample=tmp_path / "scans.parquet"))
    contracts = reloaded(library)
    reads = [contracts[id_].read for id_ in ("s3.visits", "s3.scans")]
    assert [isinstance(read, Files) and read.format for read in reads] == ["json_lines", "parquet"]
    assert columns(contracts["staged.scans"]) == {
        "partition_date": ("date", None),
        "scan_id": ("integer", None),
        "scanned": ("timestamp", None),
        "fee": ("number", "decimal(10,3)"),
        "weight": ("number", "decimal(18,9)"),
        "desk_no": ("integer", None),
        "shelf": ("string", None),
        "kind": ("string", None),
        "price": ("number", "decimal(18,2)"),
    }
    assert [column.name for column in contracts["s3.scans"].columns if column.default_timezone == "UTC"] == ["scanned"]
    assert said(outcome) == [
        "scanned: the day, and 1 of 2 records have none",
        "scanned: instants without an offset: taken as UTC",
        "shelf: has no value in any record",
        "raw: binary: no rule reads it",
        "who owns the source is not known",
        "connections.scans.uri: its bucket is a parameter: pipeline deploy --parameter ScansBucket=...",
    ]


COLUMNS = """COLUMN_NAME,DATA_TYPE,NUMERIC_PRECISION,NUMERIC_SCALE
FEE_ID,TEXT,,
MEMBER_ID,TEXT,,
AMOUNT,NUMBER,18,2
DAYS,NUMBER,38,0
POINTS,NUMBER,,
WRITTEN_AT,TIMESTAMP_NTZ,,
DUE_ON,DATE,,
DETAILS,VARIANT,,
IS_PAID,BOOLEAN,,
OPENS,TIME,,
"""


def test_a_table_s_columns_become_its_contract(library: Library, tmp_path: Path) -> None:
    (tmp_path / "columns.csv").write_text(COLUMNS)
    before = library.state()
    outcome = new_source(Request("snowflake.fees", snowflake="OFFICE.FEES", sample=tmp_path / "columns.csv"))
    contracts = reloaded(library)
    source, dataset = contracts["snowflake.fees"], contracts["staged.fees"]
    assert source.read == Snowflake(kind="snowflake", connection="office", day_column="WRITTEN_AT")
    assert source.physical_name == "OFFICE.FEES"
    assert {column.name: column.physical_type for column in source.columns} == {
        line.split(",")[0]: line.split(",")[1] for line in COLUMNS.splitlines()[1:]
    }
    assert columns(dataset) == {
        "partition_date": ("date", None),
        "fee_id": ("string", None),
        "member_id": ("string", None),
        "amount": ("number", "decimal(18,2)"),
        "days": ("integer", None),
        "points": ("integer", None),
        "written_at": ("timestamp", None),
        "due_on": ("date", None),
        "details": ("string", None),
        "is_paid": ("boolean", None),
    }
    assert dataset.key == ("fee_id",)
    assert lines(library, "snowflake.fees", "staged.fees") <= 80
    assert {file: library.state()[file] for file in before} == before  # the one connection to Snowflake is taken
    assert said(outcome) == [
        "a list of columns has no values: key and day column are guessed by name",
        "FEE_ID: the key, by its name alone",
        "POINTS: NUMBER without its scale: a whole number, a fraction is read as null",
        "DETAILS: VARIANT comes as the text of its JSON",
        "OPENS: TIME: no rule reads it",
        "who owns the source is not known",
    ]


def test_describe_table_says_types_with_their_size_and_the_key(library: Library, tmp_path: Path) -> None:
    described = "name,type,kind,null?,default,primary key\n"
    described += 'MEMBER,VARCHAR(20),COLUMN,N,,Y\nYEAR,"NUMBER(4,0)",COLUMN,N,,Y\nFEE,"NUMBER(12,3)",COLUMN,Y,,N\n'
    described += "AT,TIMESTAMP_TZ(9),COLUMN,Y,,N\nRATE,DOUBLE,COLUMN,Y,,N\n"
    (tmp_path / "columns.csv").write_text(described)
    new_source(Request("snowflake.fees", snowflake="LIBRARY.OFFICE.FEES", sample=tmp_path / "columns.csv"))
    contracts = reloaded(library)
    types = {column.name: column.physical_type for column in contracts["snowflake.fees"].columns}
    assert types == {"MEMBER": "TEXT", "YEAR": "NUMBER", "FEE": "NUMBER", "AT": "TIMESTAMP_TZ", "RATE": "FLOAT"}
    assert contracts["staged.fees"].key == ("member", "year")
    assert columns(contracts["staged.fees"])["fee"] == ("number", "decimal(12,3)")
    assert contracts["snowflake.fees"].physical_name == "OFFICE.FEES"


def test_rows_of_a_table_as_parquet_tell_types_and_key(library: Library, tmp_path: Path) -> None:
    rows = pa.table(
        {
            "FEE_ID": ["a", "b"],
            "PRICE": ["1.50", "2.25"],
            "AMOUNT": pa.array(["1.50", "2.25"]).cast(pa.decimal128(18, 2)),
            "DAYS": pa.array([1, 1], pa.int64()),
            "WRITTEN_AT": pa.array(["2026-11-21T10:00:00"] * 2).cast(pa.timestamp("us")),
        }
    )
    pq.write_table(rows, tmp_path / "rows.parquet")
    new_source(Request("snowflake.fees", snowflake="OFFICE.FEES", sample=tmp_path / "rows.parquet"))
    contracts = reloaded(library)
    types = {column.name: column.physical_type for column in contracts["snowflake.fees"].columns}
    assert types == {
        "FEE_ID": "TEXT",
        "PRICE": "TEXT",
        "AMOUNT": "NUMBER",
        "DAYS": "NUMBER",
        "WRITTEN_AT": "TIMESTAMP_NTZ",
    }
    assert contracts["staged.fees"].key == ("fee_id",)


@pytest.mark.parametrize(
    "place",
    [
        {"url": f"{URL}?from={{start}}&to={{end}}"},
        {"files": "fines/{partition}/*.csv"},
        {"snowflake": "OFFICE.FINES"},
    ],
)
def test_without_a_sample_a_skeleton_says_what_is_missing(library: Library, place: dict[str, str]) -> None:
    outcome = new_source(Request("any.fines", **place))  # type: ignore[arg-type]
    contracts = reloaded(library)
    assert len(contracts["any.fines"].columns) == 1
    assert "stands for all fields: there was no sample" in " ".join(said(outcome))
    assert contracts["staged.fines"].key == ("id",)


def test_odd_fields_are_read_or_left_out_with_a_word(library: Library, tmp_path: Path) -> None:
    odd = {
        "Fine No.": "F",
        "loan.id": "L",
        "loan": {"id": "X", "a.b": 1, "deep": {"deeper": {"deepest": 1}}},
        "raw": "r",
        "nothing": None,
        "mixed": 1,
        "items": [{"sku": "a"}],
        "": 1,
        "yes": True,
        "née: #1 {x}": "é",
    }
    records = [odd | {"Fine No.": f"F-{number}", "mixed": number if number else "many"} for number in range(3)]
    outcome = new_source(Request("web_api.fines", url=URL, sample=saved(tmp_path, records)))
    dataset = reloaded(library)["staged.fines"]
    assert {column.name: column.lineage[0][1] for column in dataset.columns[1:]} == {
        "fine_no": "Fine No.",
        "loan_id": "loan.id",
        "fine_raw": "raw",
        "nothing": "nothing",
        "mixed": "mixed",
        "yes": "yes",
        "nee_1_x": "née: #1 {x}",
    }
    assert [each for each in said(outcome) if not each.startswith(("nothing says", "this page", "how the API"))] == [
        "day_column: no field is an instant, so a record of another day is not noticed",
        "fields without a name, 1: left out",
        "loan.id: a field has this path as its name: no column",
        "loan.a.b: a name with a dot, in an object, cannot be referred to: no column",
        "loan.deep.deeper: an object in objects: a transform makes something of it",
        "nothing: has no value in any record: string is a guess",
        "mixed: 2 number, 1 string: the others are read as null",
        "items: an array of objects: a transform makes something of it",
        "who owns the source is not known",
        "connections.fines.auth: bearer is a guess; none, header, query, basic and oauth2 are the others",
    ]


def written(text: str | bytes, name: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
        return folder / name

    return write


@pytest.mark.parametrize(
    ("place", "sample", "says"),
    [
        ({"url": URL}, written("[]", "p.json"), "the sample has no record: $ is an empty list"),
        ({"url": URL}, written("{'a': 1}", "p.json"), "the sample is no JSON: "),
        ({"url": URL}, lambda folder: folder / "none.json", "none.json: not readable (No such file or directory)"),
        ({"url": "ftp://api.example"}, None, "--url: expected http:// or https:// and a host"),
        ({"url": "https://me:pw@api.example/x"}, None, "--url: a user or password stands in the address"),
        ({"url": f"{URL}?api_key=s3cr3t"}, None, "--url: api_key in the query looks like a secret"),
        ({"url": URL, "files": "x/{partition}"}, None, "exactly one"),
        ({"files": "x/{partition}", "fetch": True}, None, "--fetch and --header are of a web API: --url"),
        ({"url": URL, "fetch": True}, written("[]", "p.json"), "in the place of --sample: one of them"),
        ({}, None, "exactly one"),
        ({"files": "returns/*.csv"}, None, "--files returns/*.csv: path: {partition} or"),
        ({"files": "gs://b/{partition}/*.csv"}, None, "--files: expected s3://bucket/path"),
        ({"files": "x/{partition}/*.csv"}, written("", "e.csv"), "e.csv: there is nothing in it"),
        ({"files": "x/{partition}/*.csv"}, written("a,b\n", "h.csv"), "h.csv: no record in it can be read as csv"),
        ({"files": "x/{partition}/*.csv"}, written(b"\x1f\x8b\x08junk", "e.csv.gz"), "e.csv.gz: a file that is"),
        ({"files": "x/{partition}/*.json"}, written("[1]\n2\n", "l.json"), "no record in it can be read as json_lines"),
        ({"snowflake": "FEES"}, None, "--snowflake FEES: expected SCHEMA.TABLE, or DATABASE.SCHEMA.TABLE"),
        ({"snowflake": "A.B"}, written("x,y\n1,2\n", "c.csv"), "the sample is no list of a table's columns"),
        ({"snowflake": "A.B"}, written('{"a": 1}\n', "c.jsonl"), "expected the table's columns as CSV, or rows"),
        ({"url": URL, "layer": "gold"}, None, "--layer gold: the domain has staged, marts (layers in domain.toml)"),
        ({"url": URL, "connection": "desk"}, None, "connections.desk is of kind files, the source of kind rest"),
        ({"url": URL, "connection": "A b"}, None, "--connection A b: expected letters"),
    ],
)
def test_what_cannot_be_made_something_of_is_refused_with_a_sentence_and_nothing_is_written(
    library: Library,
    tmp_path: Path,
    place: dict[str, Any],
    sample: Callable[[Path], Path] | None,
    says: str,
) -> None:
    before = library.state()
    with pytest.raises((Misconfigured, BadInput)) as refused:
        new_source(Request("web_api.fines", sample=sample(tmp_path) if sample else None, **place))
    assert says in str(refused.value)
    assert "s3cr3t" not in str(refused.value)
    assert library.state() == before


def test_a_csv_with_a_name_twice_is_read_by_the_place_of_its_columns(library: Library, tmp_path: Path) -> None:
    sample = written("a,b,a\nx,2,3\n", "twice.csv")(tmp_path)
    outcome = new_source(Request("s3.fines", files="x/{partition}/*.csv", sample=sample))
    assert "the first row seems to be a record: columns are named by their number" in said(outcome)
    assert [column.name for column in reloaded(library)["s3.fines"].columns] == ["column_1", "column_2", "column_3"]


def test_a_connection_of_another_kind_in_any_profile_is_refused(library: Library) -> None:
    local = profile("local")
    local.write_text(local.read_text() + '\n[connections.fines]\nkind = "files"\nuri = "x"\n')
    with pytest.raises(Misconfigured) as refused:
        new_source(Request("web_api.fines", url=URL))
    assert str(refused.value).startswith("connections.fines is of kind files, the source of kind rest.")


def test_another_database_than_the_connection_s_is_told(library: Library) -> None:
    outcome = new_source(Request("snowflake.fees", snowflake="ARCHIVE.OFFICE.FEES"))
    assert outcome.notes[1] == "connections.office of production has another database than ARCHIVE"


@pytest.mark.parametrize("source", ["fines", "Web.fines", "web_api.fines.more", "web-api.fines"])
def test_a_source_is_named_by_system_and_name(library: Library, source: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        new_source(Request(source, url=URL))
    assert str(refused.value) == f"{source}: expected SYSTEM.NAME in lower case, web_api.invoices for example"


def test_what_lets_in_is_left_out_of_the_next_page_s_address(library: Library, tmp_path: Path) -> None:
    body = {"data": [fine(1)], "next": f"{NEXT}&api_key=s3cr3t&access_token=s3cr3t&sort_key=id"}
    new_source(Request("web_api.fines", url=URL, sample=saved(tmp_path, body)))
    assert "s3cr3t" not in library.text("web_api.fines")
    read = reloaded(library)["web_api.fines"].read
    assert isinstance(read, Rest)
    assert read.params["sort_key"] == "id"


def of_an_object(draft: Draft) -> Draft:
    """Every column is one of the loan's, all of it."""
    return replace(draft, columns=[replace(column, path=("loan",)) for column in draft.columns])


@pytest.mark.parametrize(
    ("replaced", "by", "says"),
    [
        ("contract_text", lambda contract: "id: x\n", "what would be written does not load: "),
        ("dataset_contract", lambda draft: dataset_contract(of_an_object(draft)), "the column names one of its fields"),
        ("connection_of", lambda *_, **__: {"kind": "rest"}, "connections.fines.url: Field required"),
    ],
)
def test_what_would_not_load_is_not_written(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replaced: str, by: Any, says: str
) -> None:
    before = library.state()
    monkeypatch.setattr(f"pipeline_assets.scaffold.source.{replaced}", by)
    with pytest.raises(Misconfigured) as refused:
        new_source(Request("web_api.fines", url=URL, sample=page(tmp_path)))
    assert says in str(refused.value)
    assert library.state() == before


def test_what_cannot_be_written_leaves_nothing(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    before = library.state()
    monkeypatch.setattr("pipeline_assets.home.os.replace", full)
    with pytest.raises(OSError, match="No space left"):
        new_source(Request("web_api.fines", url=URL, sample=page(tmp_path)))
    assert library.state() == before


@pytest.mark.parametrize("there", ["web_api.fines", "staged.fines"])
def test_nothing_is_overwritten(library: Library, tmp_path: Path, there: str) -> None:
    (library.contracts / f"{there}.odcs.yaml").write_text(library.text("http.reviews"))
    before = library.state()
    with pytest.raises(Misconfigured):
        new_source(Request("web_api.fines", url=URL, sample=page(tmp_path)))
    assert library.state() == before


def test_a_second_time_names_both_files(library: Library, tmp_path: Path) -> None:
    request = Request("web_api.fines", url=URL, sample=page(tmp_path))
    new_source(request)
    domain.cache_clear()
    before = library.state()
    with pytest.raises(Misconfigured) as refused:
        new_source(request)
    assert str(refused.value) == (
        f"{library.contracts}/web_api.fines.odcs.yaml, {library.contracts}/staged.fines.odcs.yaml: there already, and "
        "nothing is overwritten. Nothing was written"
    )
    assert library.state() == before


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("web_api.rejected_loans", "staged.rejected_loans: there is such a dataset; it has the rejects of a source"),
        ("files.loans", "there already"),
    ],
)
def test_names_that_the_domain_has_are_refused(library: Library, source: str, says: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        new_source(Request(source, url=URL))
    assert says in str(refused.value)


def test_a_name_whose_job_is_there_is_refused(library: Library) -> None:
    with pytest.raises(Misconfigured) as refused:
        new_source(Request("web_api.loans", url=URL, layer="marts"))
    assert str(refused.value) == "web_api.loans: there is a job extract_loans; the source needs another name"


def test_a_job_that_is_declared_for_what_it_picks_stays_as_it_is(library: Library, tmp_path: Path) -> None:
    """Without its picks its dataset could not be read."""
    jobs = library.folder / "jobs.py"
    picked = f"""
    Job(
        "extract_reviews",
        body="emr_jobs.by_contract:extract",
        inputs=("http.reviews",),
        outputs=("staged.rejected_reviews", "staged.reviews"),
        picks=(Pick(("text",), "{library.package}.catalogue:catalogue"),),
        timeout_s=1,
        max_retries=1,
    ),
)"""
    jobs.write_text(jobs.read_text().replace("import Job", "import Job, Pick").replace("\n)", picked))
    reviews = library.contracts / "staged.reviews.odcs.yaml"
    reviews.write_text(reviews.read_text().replace("[http.reviews.body.text]", "[http.reviews.body]"))
    new_source(Request("web_api.fines", url=URL, sample=page(tmp_path)))
    domain.cache_clear()
    assert [job.name for job in domain(library.package).jobs if job.picks] == ["extract_reviews"]
    assert domain(library.package).job("extract_fines").outputs == ("staged.rejected_fines", "staged.fines")


def test_a_domain_with_faults_is_mended_first(library: Library, tmp_path: Path) -> None:
    (library.contracts / "http.reviews.odcs.yaml").write_text("id: nothing\n")
    with pytest.raises(Misconfigured) as refused:
        new_source(Request("web_api.fines", url=URL, sample=page(tmp_path)))
    assert str(refused.value).endswith("Mend them first: pipeline check")
