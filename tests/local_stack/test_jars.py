"""What a new machine is told when its Java does not do. How Java is judged and installed: test_system_packages."""

import subprocess
import sys
from pathlib import Path

import pytest

HOW = "Install it with the system's package manager, and see that it is on PATH."


@pytest.mark.usefixtures("processes")
@pytest.mark.parametrize(
    ("java", "sentence"),
    [
        (None, "There is no Java on PATH."),
        (
            "echo 'openjdk version \"11.0.2\" 2019-01-15' >&2",
            'Java on PATH is too old (openjdk version "11.0.2" 2019-01-15): Java 17 to 21 is needed.',
        ),
        (
            "echo 'openjdk version \"25.0.3\" 2026-04-21 LTS' >&2",
            'Java on PATH is too new (openjdk version "25.0.3" 2026-04-21 LTS): Java 17 to 21 is needed.',
        ),
    ],
    ids=["missing", "too old", "too new"],
)
def test_no_jar_is_fetched_without_a_java_that_does(tmp_path: Path, java: str | None, sentence: str) -> None:
    if java is not None:
        (tmp_path / "java").write_text(f"#!/bin/sh\n{java}\n")
        (tmp_path / "java").chmod(0o755)
    cache = tmp_path / "cache"
    done = subprocess.run(
        [sys.executable, "-m", "local_stack.jars"],
        env={"PATH": str(tmp_path), "PIPELINE_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{sentence} {HOW}\n")
    assert not cache.exists()
