"""The Markdown of a review: what it says, and that what it is about stays text."""

import html
import re

from emr_jobs.contracts.compare import Change, Comparison, Kind
from pipeline_assets import review
from pipeline_assets.earlier_contracts import Earlier
from pipeline_assets.production.apply.diff import Difference

EARLIER = Earlier("abc", {}, {})


def comparison(*changes: Change, name: str = "marts.lending", fault: str | None = None) -> Comparison:
    return Comparison(name, "1.0.0", "1.1.0", changes, fault)


def cells(markdown: str) -> list[list[str]]:
    """Of the tables' rows, as GitHub shows them."""
    rows = [line[2:-2].split(" | ") for line in markdown.splitlines() if line.startswith("| <code>")]
    return [[html.unescape(re.sub(r"</?code>", "", cell)) for cell in row] for row in rows]


def test_nothing_changed() -> None:
    assert review.contracts(EARLIER, []) == "**Contracts**: none differ from <code>abc</code>\n\n"
    assert review.plan("a\nb\n", "a\nb") == (
        "**Order of the jobs**: as before\n\n<details><summary>all of them</summary>\n\n```\na\nb\n```\n\n</details>\n"
    )
    assert review.account([]) == "**Account**: no difference\n\n"


def test_what_breaks_readers_stands_first() -> None:
    words = Change(Kind.COMPATIBLE, "description", "other words")
    gone = Change(Kind.BREAKING, "isbn", "gone")
    said = review.contracts(EARLIER, [comparison(words, name="a.a"), comparison(words, gone, name="b.b")])
    assert said.startswith("**Contracts**: 2 differ from <code>abc</code>, 1 breaking\n")
    assert cells(said) == [
        ["b.b", "1.0.0 → 1.1.0", "breaking", "isbn", "gone"],
        ["a.a", "1.0.0 → 1.1.0", "compatible", "description", "other words"],
        ["b.b", "1.0.0 → 1.1.0", "compatible", "description", "other words"],
    ]


def test_contract_that_was_not_valid_is_named() -> None:
    said = review.contracts(Earlier("abc", {}, {"a.a": ["version: none", "more"]}), [])
    assert "- <code>a.a</code>: not compared, it was not valid: <code>version&#58; none</code>\n" in said


def test_order_that_changed_is_a_whole_diff() -> None:
    assert review.plan("first\nsecond\n", "first\nthird") == (
        "**Order of the jobs**: changed\n\n```diff\n first\n-second\n+third\n```\n"
    )
    assert review.plan(None, "first") == "**Order of the jobs**: changed\n\n```diff\n+first\n```\n"


def test_differences_with_the_account_are_counted_with_their_drift() -> None:
    found = [Difference("main", "Code", '"a"', '"b"'), Difference("main", "Role as it runs.Policies", "[]", "[1]")]
    said = review.account(found)
    assert said.startswith("**Account**: 2 differences, of which 1 are drift\n")
    assert cells(said) == [["main", "Code", '"a"', '"b"'], ["main", "Role as it runs.Policies", "[]", "[1]"]]


def test_text_of_a_contract_steers_nothing() -> None:
    hostile = "a | b\n\n# @everyone [x](https://e.example) <img src=x> `code` ![](y) &amp; ~~z~~ #1 *b*"
    said = review.contracts(EARLIER, [comparison(Change(Kind.BREAKING, "x", hostile), fault=hostile)])
    table = said.partition("| --- |")[2]
    assert cells(table) == [["marts.lending", "1.0.0 → 1.1.0", "breaking", "x", " ".join(hostile.split())]]
    bare = re.sub(r"&#\d+;|</?code>", "", table.partition("\n")[2])
    assert set(bare) & set("`*[]<>&~:@#\\") == set()


def test_whole_fits_into_a_comment_and_says_what_is_left_out() -> None:
    long = "|" * 500
    changes = [Change(Kind.BREAKING, long, long)] * 200
    sections = [
        review.contracts(EARLIER, [comparison(*changes)]),
        review.plan("", "\n".join(["x" * 300] * 200)),
        review.account([Difference("main", long, long, long)] * 200),
    ]
    assert len("\n".join(sections)) < 65_536
    assert [bool(re.search(r"\nand \d+ lines more: `pipeline review`\n$", each)) for each in sections] == [True] * 3
