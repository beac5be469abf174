"""JSON around texts that stay as they are: each at its path, in one object."""

from collections.abc import Sequence
from typing import Any

import orjson


def render(fields: Sequence[tuple[str, bytes]]) -> bytes:
    """Raises ValueError where two cannot stand in one text."""
    tree: dict[str, Any] = {}
    for number, (path, text) in enumerate(fields):
        *holders, name = path.split(".")  # the first is $
        holder: Any = tree
        for each in holders:
            holder = holder.setdefault(each, {}) if isinstance(holder, dict) else None
        if not isinstance(holder, dict) or name in holder:
            raise ValueError(f"{path} cannot stand in one text with {', '.join(other for other, _ in fields[:number])}")
        holder[name] = text
    return _text(tree["$"])


def array(texts: Sequence[bytes]) -> bytes:
    return b"[" + b",".join(texts) + b"]"


def _text(node: dict[str, Any] | bytes) -> bytes:
    if isinstance(node, bytes):
        return node
    return b"{" + b",".join(orjson.dumps(name) + b":" + _text(each) for name, each in node.items()) + b"}"
