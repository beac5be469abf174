"""What is known of a source before a person looks at it: how it is read, its fields, what is in doubt. Plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline_assets.scaffold.infer import Field

READ = "$.customProperties.read.value"  # in the source's contract
COLUMNS = "$.schema[0]"


@dataclass(frozen=True)
class Doubt:
    """What the sample does not tell, and where a person says it: a path in the source's contract."""

    path: str
    says: str


@dataclass(frozen=True)
class Guess:
    read: Mapping[str, Any]  # as the contract has it, but for the connection
    physical_type: str
    fields: Sequence[Field]
    records: int  # that the sample has; 0: there is none
    doubts: Sequence[Doubt] = field(default_factory=tuple)
    physical_name: str | None = None


def skeleton() -> tuple[Field, ...]:
    """In the place of fields that nobody has seen."""
    doubt = "stands for all fields: there was no sample. Write them here, and into the dataset"
    return (Field("id", "string", 0, doubt=doubt, was_key=True),)
