"""`pipeline contracts check --against`: what it prints and its exit code, for an earlier folder of contracts."""

import shutil
from pathlib import Path

import pytest

from tests.domains import LIBRARY, LOCAL
from tests.running import Typed, typed

WRITTEN = LIBRARY.folder / "contracts"


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    return Path(shutil.copytree(WRITTEN, tmp_path / "earlier"))


def edit(folder: Path, dataset: str, old: str, new: str) -> None:
    file = folder / f"{dataset}.odcs.yaml"
    text = file.read_text()
    assert old in text, (file, old)
    file.write_text(text.replace(old, new, 1))


def check(*arguments: str, earlier: Path, tmp_path: Path) -> Typed:
    return typed("contracts", "check", *arguments, "--settings", str(LOCAL), "--against", str(earlier), home=tmp_path)


def test_contracts_as_they_were_are_told(earlier: Path, tmp_path: Path) -> None:
    ended = check(earlier=earlier, tmp_path=tmp_path)
    assert (ended.code, ended.out, ended.err) == (0, f"0 contracts differ from {earlier}\n", "")
    ended = check("--json", earlier=earlier, tmp_path=tmp_path)
    assert (ended.code, ended.json) == (0, {"against": str(earlier), "contracts": [], "not_compared": {}})


def test_a_breaking_change_needs_a_higher_major_version(earlier: Path, tmp_path: Path) -> None:
    gone = "      - {name: isbn, logicalType: string, transformSourceObjects: [staged.loans.title]}\n"
    edit(earlier, "marts.lending", "      - {name: title,", f"{gone}      - {{name: title,")
    edit(earlier, "staged.loans", "  purpose: A day's loans, typed.", "  purpose: Loans.")
    changes = [{"kind": "breaking", "where": "isbn", "what": "gone"}]
    lending = {"contract": "marts.lending", "before": "1.0.0", "now": "1.0.0", "is": "breaking", "changes": changes}
    words = [{"kind": "compatible", "where": "description", "what": "other words"}]
    loans = {"contract": "staged.loans", "before": "1.0.0", "now": "1.0.0", "is": "compatible", "changes": words}
    fault = "version 1.0.0: what is breaking needs 2.0.0 or higher"

    ended = check("--json", earlier=earlier, tmp_path=tmp_path)
    assert (ended.code, ended.json["contracts"]) == (1, [lending | {"fault": fault}, loans | {"fault": None}])
    ended = check(earlier=earlier, tmp_path=tmp_path)
    assert (ended.code, ended.err) == (1, f"marts.lending: {fault}\n")
    assert [line.split() for line in ended.out.splitlines()] == [
        ["contract", "version", "is", "where", "what"],
        ["marts.lending", "1.0.0", "→", "1.0.0", "breaking", "isbn", "gone"],
        ["staged.loans", "1.0.0", "→", "1.0.0", "compatible", "description", "other", "words"],
    ]

    now = Path(shutil.copytree(WRITTEN, tmp_path / "now"))
    edit(now, "marts.lending", "version: 1.0.0", "version: 2.0.0")
    ended = check(str(now), "--json", earlier=earlier, tmp_path=tmp_path)
    assert (ended.code, ended.json["contracts"]) == (
        0,
        [lending | {"now": "2.0.0", "fault": None}, loans | {"fault": None}],
    )
    ended = check(str(now), earlier=earlier, tmp_path=tmp_path)
    said = f"2 contracts differ from {earlier}, 1 of them break readers and have a higher major version"
    assert (ended.code, ended.out.splitlines()[-1], ended.err) == (0, said, "")


def test_a_contract_that_is_gone_was_deprecated_before(earlier: Path, tmp_path: Path) -> None:
    fines = (WRITTEN / "staged.members.odcs.yaml").read_text().replace("staged.members", "staged.fines")
    (earlier / "staged.fines.odcs.yaml").write_text(fines.replace("name: members\n", "name: fines\n"))
    ended = check("--json", earlier=earlier, tmp_path=tmp_path)
    assert (ended.code, [each["contract"] for each in ended.json["contracts"]]) == (1, ["staged.fines"])
    edit(earlier, "staged.fines", "status: active", "status: deprecated")
    ended = check(earlier=earlier, tmp_path=tmp_path)
    assert (ended.code, ended.err) == (0, "")
    assert "gone; it was deprecated" in ended.out


def test_a_dataset_that_had_a_contract_and_is_derived_today_is_not_gone(earlier: Path, tmp_path: Path) -> None:
    (derived,) = [name for name in LIBRARY.contracts if name.startswith("staged.rejected_loans")]
    rejects = (WRITTEN / "staged.members.odcs.yaml").read_text().replace("staged.members", derived)
    (earlier / f"{derived}.odcs.yaml").write_text(rejects.replace("name: members\n", "name: rejected_loans\n"))
    (found,) = check("--json", earlier=earlier, tmp_path=tmp_path).json["contracts"]
    assert (found["contract"], found["now"]) == (derived, "1.0.0")
    assert {"kind": "compatible", "where": "reason", "what": "new"} in found["changes"]


def test_what_was_not_valid_is_not_compared_and_said(earlier: Path, tmp_path: Path) -> None:
    edit(earlier, "staged.loans", "status: active", "status: live")
    fault = "staged.loans.odcs.yaml $.status: live: expected one of proposed, draft, active, deprecated, retired"
    ended = check("--json", earlier=earlier, tmp_path=tmp_path)
    assert (ended.code, ended.json["contracts"], ended.json["not_compared"]) == (0, [], {"staged.loans": [fault]})
    ended = check(earlier=earlier, tmp_path=tmp_path)
    assert (ended.code, ended.err) == (0, f"staged.loans: not compared, it was not valid: {fault}\n")


def test_contracts_that_are_not_valid_today_are_faults_and_nothing_is_compared(earlier: Path, tmp_path: Path) -> None:
    now = Path(shutil.copytree(WRITTEN, tmp_path / "now"))
    edit(now, "staged.loans", "logicalType: string", "logicalType: text")
    ended = check(str(now), "--json", earlier=earlier, tmp_path=tmp_path)
    assert (ended.code, list(ended.json)) == (1, ["faults"])
