"""The errors that a person reads: dataset, partition, expected, found, what to do.

Facts go in, the class builds the sentence and keeps the facts as attributes. Whether a second try
can help is a type: `Unavailable` and `Outdated` are retryable, every other `PipelineError` is not.
"""

from collections.abc import Sequence

MAX_MESSAGE_CHARS = 500
MAX_SAMPLES = 3


def samples(values: Sequence[object]) -> str:
    """At most three values in parentheses, or nothing."""
    if not values:
        return ""
    shown = ", ".join(str(value)[:60] for value in values[:MAX_SAMPLES])
    more = ", ..." if len(values) > MAX_SAMPLES else ""
    return f" ({shown}{more})"


class PipelineError(Exception):
    """Something that a person must mend before the same run can succeed."""

    def __init__(self, *, dataset: str, partition: object, expected: str, found: str, fix: str) -> None:
        self.dataset = dataset
        self.partition = str(partition)
        self.expected = expected
        self.found = found
        self.fix = fix
        super().__init__(dataset, self.partition, expected, found, fix)

    def __str__(self) -> str:
        room = MAX_MESSAGE_CHARS - len(self.dataset) - len(self.partition) - len(self.expected) - len(self.fix)
        found = self.found.rstrip(".")  # other people's messages end in one
        found = found if len(found) <= max(room, 80) else found[: max(room, 80)] + "..."
        return f"{self.dataset} {self.partition}: expected {self.expected}, found {found}. {self.fix}"

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.dataset, self.partition, self.expected, self.found, self.fix)


def _rebuild(kind: type[PipelineError], *facts: str) -> PipelineError:
    return kind(**dict(zip(("dataset", "partition", "expected", "found", "fix"), facts, strict=True)))


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
