"""What a section of a Markdown file tells one to type and to write: its fenced blocks. Pure.

A block without a language is shell, of which the `pipeline` commands are typed; any other one is text for the file that
the paragraph before it names. P stands for the day.
"""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

_FENCED = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    language: str  # empty: shell
    text: str
    file: str | None  # that the paragraph before names

    def commands(self, partition: str) -> list[list[str]]:
        """Arguments of each `pipeline`."""
        lines = [re.sub(r"\bP\b", partition, line) for line in self.text.splitlines()]
        typed = [shlex.split(line, comments=True) for line in lines]
        assert all(words[0] == "pipeline" for words in typed), typed
        return [words[1:] for words in typed]


def blocks(page: Path, heading: str) -> list[Block]:
    """Of a section, in their order. There are some."""
    section = page.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    found = [
        Block(match["language"], _plain(match), _named(section[: match.start()])) for match in _FENCED.finditer(section)
    ]
    assert found, f"{page}: nothing to do under {heading}"
    return found


def _plain(match: re.Match[str]) -> str:
    """As it goes into a file: a list's indentation is the page's, any other the text's own."""
    return dedent(match["text"]) if match["indent"] else match["text"]


def _named(before: str) -> str | None:
    paragraph = before.rstrip("\n").rpartition("\n\n")[2]
    files = re.findall(r"`([\w./]+/[\w.]+\.\w+)`", paragraph)
    return files[-1] if files else None
