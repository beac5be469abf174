"""What a source hands to its reader in the place of a record that cannot be read."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Broken:
    """A record that is no JSON, or not readable: one reject, with its bytes as they came."""

    raw: bytes
