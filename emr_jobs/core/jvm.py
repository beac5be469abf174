"""Classes of Spark's JVM."""

from typing import Any


def java_class(jvm: Any, name: str) -> Any:
    """By its whole name. Asked for part by part, py4j looks for a class `org` in every jar, each time."""
    return getattr(jvm, name)
