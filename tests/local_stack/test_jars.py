"""What a new machine is told when Java is missing or too old."""

import subprocess
import sys
from pathlib import Path

import pytest

HOW = "Install Java 17 or newer, for instance: apt-get install openjdk-17-jre-headless"


@pytest.mark.parametrize(
    ("java", "sentence"),
    [
        (None, f"Java is missing. {HOW}"),
        (
            "echo 'openjdk version \"11.0.2\" 2019-01-15' >&2",
            f'Java is too old (openjdk version "11.0.2" 2019-01-15). {HOW}',
        ),
    ],
    ids=["missing", "too old"],
)
def test_java_is_asked_for_in_one_sentence(tmp_path: Path, java: str | None, sentence: str) -> None:
    if java is not None:
        (tmp_path / "java").write_text(f"#!/bin/sh\n{java}\n")
        (tmp_path / "java").chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-m", "local_stack.jars"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{sentence}\n")
