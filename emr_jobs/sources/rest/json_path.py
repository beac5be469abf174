"""`$.links.next`: where in an answer a value is."""

from typing import Any


def keys_of(path: str) -> tuple[str, ...]:
    """The names on the way; none for `$`, which is all of it."""
    return tuple(path.split(".")[1:])


def at(value: Any, keys: tuple[str, ...]) -> Any:
    """None where there is nothing."""
    for key in keys:
        value = value.get(key) if type(value) is dict else None
    return value


def is_there(value: Any, keys: tuple[str, ...]) -> bool:
    """Whether something is there, be it null."""
    return not keys or (type(holder := at(value, keys[:-1])) is dict and keys[-1] in holder)
