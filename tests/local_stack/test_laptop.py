"""What `pipeline doctor` says of this machine."""

import socket
from pathlib import Path

import pytest

from local_stack import jars
from local_stack.laptop import GIB, disk, memory, ports
from pipeline_assets.findings import Fault, Level
from tests.running import typed


def test_memory_and_disk_that_are_short_are_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(memory(8 * GIB)) == []
    assert list(memory(3 * GIB)) == [
        Fault(Level.WARNING, "3.0 GB of memory are free, 4 are needed", "End something else")
    ]
    monkeypatch.setattr("local_stack.laptop.DISK_GIB", 10**9)
    (short,) = disk([tmp_path / "not" / "there" / "yet"])
    assert (short.level, short.do.partition(",")[0]) == (Level.WARNING, "Make room")


def test_ports_that_others_have_are_named(processes: None) -> None:
    with socket.socket() as taken, socket.socket() as free:
        for each in (taken, free):
            each.bind(("127.0.0.1", 0))
        busy, spare = taken.getsockname()[1], free.getsockname()[1]
        free.close()
        assert [each.level for each in ports([busy], busy)] == [Level.ERROR, Level.WARNING]
        assert list(ports([busy, spare], spare)) == []


def test_doctor_without_the_jars_ends_with_1_and_says_what_to_type(
    processes: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jars, "JARS", tmp_path)
    ended = typed("doctor", "--json", home=tmp_path)
    assert ended.code == 1
    by_check = {each["check"]: each for each in ended.json}
    assert set(by_check) == {"Java", "jars", "memory", "disk", "ports"}
    assert (by_check["jars"]["level"], by_check["jars"]["do"]) == ("error", "Fetch them: make setup")
    assert by_check["Java"] == {"check": "Java", "level": "ok", "says": "", "do": ""}
    shown = typed("doctor", home=tmp_path)
    assert shown.code == 1
    assert "has not got the jars of versions.toml. Fetch them: make setup" in shown.out
