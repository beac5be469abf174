"""The errors that a person reads: dataset, partition, expected, found, what to do.

Facts go in, the class builds the sentence and keeps the facts as attributes. Whether a second try
can help is a type: `Unavailable` and `Outdated` are retryable, every other `PipelineError` is not.
The command that starts the day again differs by place, so no sentence has it: an error says with a
`Remedy` that it is needed, and who prints the error makes it.
"""

from collections.abc import Sequence
from enum import StrEnum

MAX_MESSAGE_CHARS = 500
REASON_CHARS = 200
MAX_SAMPLES = 3


class Remedy(StrEnum):
    """What to start when the sentence of an error is done. Its words hold wherever they are read."""

    NONE = ""
    RERUN = "rerun"
    ALLOW_EMPTY = "rerun, or allow empty"
    WIDEN = "widen, then rerun"
    UPSTREAM = "rerun with what it reads"

    @property
    def words(self) -> str:
        return _WORDS.get(self, "")


_WORDS = {
    Remedy.ALLOW_EMPTY: "If it really is empty: --allow-empty.",
    Remedy.WIDEN: "Bring it up to the contract: pipeline lake apply.",
}


def samples(values: Sequence[object]) -> str:
    """At most three values in parentheses, or nothing."""
    if not values:
        return ""
    shown = ", ".join(str(value)[:60] for value in values[:MAX_SAMPLES])
    more = ", ..." if len(values) > MAX_SAMPLES else ""
    return f" ({shown}{more})"


class PipelineError(Exception):
    """Something that a person must mend before the same run can succeed."""

    def __init__(
        self,
        *,
        dataset: str,
        partition: object | None,
        expected: str,
        found: str,
        fix: str,
        remedy: Remedy = Remedy.NONE,
    ) -> None:
        """`partition`: None for what is about no day; `fix`: a sentence, without the command that is `remedy`."""
        self.dataset = dataset
        self.partition = None if partition is None else str(partition)
        self.expected = expected
        self.found = found
        self.fix = fix
        self.remedy = remedy
        super().__init__(dataset, self.partition, expected, found, fix, remedy)

    def __str__(self) -> str:
        of = self.dataset if self.partition is None else f"{self.dataset} {self.partition}"
        return self._sentence(of, MAX_MESSAGE_CHARS)

    def brief(self, limit: int) -> str:
        """For who knows the partition."""
        return self._sentence(self.dataset, limit)

    def _sentence(self, of: str, limit: int) -> str:
        """Of about `limit` characters: what was found is cut first, then what was expected, never what to do."""
        do = " ".join(filter(None, (self.fix, self.remedy.words)))
        room, least = limit - len(f"{of}: expected , found . {do}"), limit // 6
        found = self.found.rstrip(".")  # other people's messages end in one
        found = cut(found, max(room - len(self.expected), least))
        expected = cut(self.expected, max(room - len(found), least))
        return f"{of}: expected {expected}, found {found}. {do}".rstrip()

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), *self.args)


def cut(text: str, size: int) -> str:
    """At most `size` characters."""
    return text if len(text) <= size else f"{text[: size - 3]}..."


def in_one_line(error: Exception) -> str:
    """Why, in at most REASON_CHARS printable characters: for a message that takes no more."""
    kind = f"{type(error).__name__}: "
    if isinstance(error, PipelineError):
        said = error.brief(REASON_CHARS - len(kind))
    else:  # whatever a library raises: below the first line stands where
        said = next(filter(str.strip, str(error).splitlines()), "no reason given")
    printable = "".join(each if each.isprintable() else " " for each in kind + said)
    return cut(" ".join(printable.split()), REASON_CHARS)


def _rebuild(kind: type[PipelineError], *facts: object) -> PipelineError:
    names = ("dataset", "partition", "expected", "found", "fix", "remedy")
    return kind(**dict(zip(names, facts, strict=True)))  # type: ignore[arg-type]


class BadInput(PipelineError):
    """The source delivered something that its contract does not allow."""


class AccessDenied(PipelineError):
    """A service refused our credentials; the same call will be refused again."""


class CheckFailed(PipelineError):
    """A blocking check failed on staged data; nothing of it was published."""


class Conflict(PipelineError):
    """Another run published the same partition first."""


class Outdated(Conflict):
    """Another run published what this one had read, before this one could publish; another try reads it anew."""


class SchemaDrift(PipelineError):
    """A table or index differs from its contract."""


class Damaged(PipelineError):
    """The catalog names metadata of a table that is not there: nobody can open it."""

    @classmethod
    def of(cls, dataset: str, missing: str) -> "Damaged":
        return cls(
            dataset=dataset,
            partition="all days",
            expected="the metadata that the catalog names",
            found=missing,
            fix=f"Set the table back to its newest whole state: pipeline lake repair {dataset}",
        )


class Unavailable(PipelineError):
    """A service did not answer as it should; the same run may succeed later."""


class Misconfigured(Exception):
    """Settings, arguments or secrets are wrong; the message says what to set. Nothing was run."""
