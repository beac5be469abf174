"""What a look at an account, or at this machine, finds: one sentence with what to do. No look of its own."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    OK = "ok"
    UNKNOWN = "not known"  # could not be looked at; stops nothing
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Fault:
    """`do`: a sentence, or a command."""

    level: Level
    says: str
    do: str


@dataclass(frozen=True)
class Finding:
    check: str
    level: Level
    says: str
    do: str = ""

    def __str__(self) -> str:
        return f"{self.says}. {self.do}".rstrip(". ") if self.do else self.says


Check = Callable[[], Iterable[Fault]]


def looked_at(checks: Iterable[tuple[str, Check]]) -> Iterator[Finding]:
    """What each of them finds, a line for one that finds nothing too."""
    for name, check in checks:
        faults = list(check())
        yield from (Finding(name, each.level, each.says, each.do) for each in faults)
        if not faults:
            yield Finding(name, Level.OK, "")


def has_error(found: Iterable[Finding]) -> bool:
    return any(each.level is Level.ERROR for each in found)
