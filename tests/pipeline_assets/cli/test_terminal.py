"""What verbs show in a real terminal, one of a certain width: the screen as a person sees it when they have ended."""

import os
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Sequence
from fcntl import ioctl
from pathlib import Path

import pyte
import pytest

from pipeline_assets.home import ROOT
from tests.running import PIPELINE, Day, Ended, command_environment

LINES = 50
DAYS_DATASETS = """
from pipeline_assets.cli.watch import DatasetState, JobState, Outcome

Outcome({"job": JobState("done")}, success=True, datasets={
    "staged.rejected_loans": DatasetState(rows=0, rejected=0, version="7061760899361440605", seconds=9.94, passed=2),
    "marts.lending": DatasetState(rows=300, version="8372064167784651188", seconds=21.2, passed=10,
                                  warnings=["reviews_without_loan"]),
    "find.lending": DatasetState(rows=20000, version="lendings-2026-11-20-a8ba2a60af74-0", seconds=21.4, passed=3),
}).show()
"""


def shown(command: Sequence[str], *, columns: int, home: Path) -> Ended:
    """Its screen, with what has scrolled out of it."""
    ours, its = os.openpty()
    ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, columns, 0, 0))
    environment = command_environment(home, {"TERM": "xterm-256color"})
    del environment["COLUMNS"]  # the terminal knows
    process = subprocess.Popen(
        command, stdin=its, stdout=its, stderr=its, cwd=ROOT, env=environment, start_new_session=True
    )
    os.close(its)
    screen = pyte.HistoryScreen(columns, LINES, history=1000)
    stream = pyte.ByteStream(screen)
    with os.fdopen(ours, "rb", buffering=0) as output:
        while True:
            try:
                stream.feed(output.read(65536))
            except OSError:  # nobody has the other end any more
                break
    scrolled = ["".join(line[x].data for x in range(columns)) for line in screen.history.top]
    return Ended(process.wait(), "\n".join(line.rstrip() for line in (*scrolled, *screen.display)).strip())


@pytest.mark.parametrize("columns", [60, 80])
def test_a_day_of_a_narrow_terminal_has_names_and_ids_in_one_piece(
    processes: None, tmp_path: Path, columns: int
) -> None:
    ended = shown([sys.executable, "-c", DAYS_DATASETS], columns=columns, home=tmp_path)
    assert ended.output.splitlines() == [
        "staged.rejected_loans",
        "  0 rows, 2 passed, 9.9 s",
        "  7061760899361440605",
        "marts.lending",
        "  300 rows, 10 passed; warning: reviews_without_loan, 21.2 s",
        "  8372064167784651188",
        "find.lending",
        "  20000 rows, 3 passed, 21.4 s",
        "  lendings-2026-11-20-a8ba2a60af74-0",
    ]


def test_a_day_is_a_table_where_it_fits(processes: None, tmp_path: Path) -> None:
    ended = shown([sys.executable, "-c", DAYS_DATASETS], columns=120, home=tmp_path)
    assert [line.split() for line in ended.output.splitlines()] == [
        ["dataset", "rows", "rejected", "checks", "snapshot", "or", "index", "seconds"],
        ["staged.rejected_loans", "0", "0", "2", "passed", "7061760899361440605", "9.9"],
        ["marts.lending", "300", "10", "passed;", "warning:", "8372064167784651188", "21.2"],
        ["reviews_without_loan"],
        ["find.lending", "20000", "3", "passed", "lendings-2026-11-20-a8ba2a60af74-0", "21.4"],
    ]


def test_rows_that_are_too_wide_are_a_line_a_column(published_day: Day) -> None:
    sql = "SELECT 'a title of thirty characters ok' AS title, 7 AS lent, 'x' AS branch"
    command = [PIPELINE, "query", sql]
    assert shown(command, columns=60, home=published_day.home).output.splitlines() == [
        "title                            lent  branch",
        "a title of thirty characters ok     7  x",
    ]
    narrow = shown(command, columns=40, home=published_day.home).output
    assert narrow.splitlines() == [
        "row 1",
        "title   a title of thirty characters ok",
        "lent    7",
        "branch  x",
    ]
    assert shown([*command, "--vertical"], columns=60, home=published_day.home).output == narrow


def test_a_run_that_fails_shows_nothing_but_what_failed_and_where_more_of_it_is(
    published_day: Day, tmp_path: Path
) -> None:
    settings = published_day.settings_with(tmp_path, connections_desk={"uri": str(tmp_path / "none")})
    run = ["run", "--partition", published_day.partition, "--select", "extract_loans", "--settings", settings]
    ended = shown([PIPELINE, *run], columns=80, home=published_day.home)
    assert ended.code == 1
    beginning = rf"extract_loans failed\nBadInput: files\.loans {published_day.partition}: expected files in "
    assert re.fullmatch(rf"{beginning}(.+\n)+\nrun [-\w]{{36}}\nlog (.+\n?)+", ended.output), ended.output
    assert "Traceback" not in ended.output
