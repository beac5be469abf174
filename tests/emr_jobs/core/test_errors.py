"""What a person reads of an error: its facts, what to do, and no command that belongs to one place."""

import pickle

import pytest

from emr_jobs.core.errors import REASON_CHARS, BadInput, PipelineError, Remedy, Unavailable, in_one_line
from emr_jobs.sources.files import nothing_delivered
from tests.domains import LIBRARY

DAY = LIBRARY.calendar.partition("2026-11-22")
FOLDER = f"s3://library-desk/loans/dt={DAY}/*.csv.gz"


def error(**changes: object) -> PipelineError:
    facts = {"dataset": "staged.loans", "partition": DAY, "expected": "rows", "found": "none", "fix": "Look."}
    return BadInput(**{**facts, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({}, "staged.loans 2026-11-22: expected rows, found none. Look."),
        ({"partition": None}, "staged.loans: expected rows, found none. Look."),
        ({"fix": "", "found": "none."}, "staged.loans 2026-11-22: expected rows, found none."),
        (
            {"remedy": Remedy.ALLOW_EMPTY},
            "staged.loans 2026-11-22: expected rows, found none. Look. If it really is empty: --allow-empty.",
        ),
        (
            {"fix": "", "remedy": Remedy.WIDEN},
            "staged.loans 2026-11-22: expected rows, found none. Bring it up to the contract: pipeline lake apply.",
        ),
        ({"remedy": Remedy.RERUN}, "staged.loans 2026-11-22: expected rows, found none. Look."),
    ],
)
def test_sentence(facts: dict[str, object], said: str) -> None:
    assert str(error(**facts)) == said


def test_what_was_found_is_cut_and_what_to_do_is_not() -> None:
    said = str(error(found="x" * 10_000, fix="Do this."))
    assert len(said) <= 500
    assert said.endswith("xxx.... Do this.")


def test_an_error_survives_its_way_between_processes_with_its_remedy() -> None:
    before = error(remedy=Remedy.WIDEN, partition=None)
    after = pickle.loads(pickle.dumps(before))  # our own
    assert (type(after), str(after), after.remedy, after.partition) == (BadInput, str(before), Remedy.WIDEN, None)


def test_reason_in_one_line_is_without_the_partition_and_whole() -> None:
    assert in_one_line(nothing_delivered(FOLDER, dataset="staged.loans", partition=DAY)) == (
        f"BadInput: staged.loans: expected files in {FOLDER}, found none (the folder is missing or empty). "
        "Deliver the day. If it really is empty: --allow-empty."
    )


@pytest.mark.parametrize(
    ("raised", "begins"),
    [
        (error(found="y" * 900, expected="z" * 900, fix="Do this."), "BadInput: staged.loans: expected zzz"),
        (error(fix="f" * 900), "BadInput: staged.loans: expected rows, found none. fff"),
        (
            error(found="a\nb\tc\x1b[31md\u2028e\x85f"),
            "BadInput: staged.loans: expected rows, found a b c [31md e f.",
        ),
        (Unavailable(dataset="d", partition=None, expected="ü", found="\ud800", fix=""), "Unavailable: d: expected ü"),
        (ValueError("\n\n  first line  \nsecond line"), "ValueError: first line"),
        (ValueError("v" * 900), "ValueError: vvv"),
        (ValueError(), "ValueError: no reason given"),
    ],
)
def test_reason_is_one_printable_line_of_a_bounded_length(raised: Exception, begins: str) -> None:
    reason = in_one_line(raised)
    assert reason.startswith(begins)
    assert reason.isprintable()
    assert len(reason) <= REASON_CHARS
    assert "second" not in reason
    reason.encode()


def test_what_to_do_is_whole_in_the_reason_of_an_error_with_long_facts() -> None:
    assert in_one_line(error(found="y" * 900, expected="z" * 900, fix="Do this.")).endswith("yyy.... Do this.")
