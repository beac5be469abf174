"""What a source and its reader hand to each other."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Broken:
    """A record that is no JSON, or not readable: one reject, with its bytes as they came."""

    raw: bytes


@dataclass(frozen=True)
class Shape:
    """What a result becomes: these columns, made of each batch in the workers."""

    schema: "pa.Schema"
    make: Callable[["pa.Table"], "pa.Table"]  # raises BatchMismatch


class BatchMismatch(Exception):
    """A result batch does not cast to the contract."""
