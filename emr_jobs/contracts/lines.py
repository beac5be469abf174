"""In which line of a contract a fault stands, from its file and path, `$.schema[0].loan_id.enum`.

In a list of properties, rules and the like a name leads to the item of that name, as in the faults of `load`.
"""

import re
from pathlib import Path

import yaml

_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")


def line_of(file: Path, path: str) -> int:
    """From 1; of the deepest part of the path that the file has."""
    try:
        node = yaml.compose(file.read_text(), Loader=yaml.CSafeLoader)
    except (OSError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        return mark.line + 1 if mark else 1
    line = 1
    for name, number in _STEP.findall(path):
        node = _item(node, int(number)) if number else _child(node, name)
        if node is None:
            break
        line = node.start_mark.line + 1
    return line


def _item(node: yaml.Node, number: int) -> yaml.Node | None:
    return node.value[number] if isinstance(node, yaml.SequenceNode) and number < len(node.value) else None


def _child(node: yaml.Node, name: str) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode):
        return next((item for item in node.value if name in _names(item)), None)
    if not isinstance(node, yaml.MappingNode):
        return None
    for key, value in node.value:
        if key.value == name:
            return value
    for key, value in node.value:  # `.loan_id` stands for its properties' item of that name
        if key.value in ("properties", "quality", "items") and (found := _child(value, name)) is not None:
            return found
    return None


def _names(item: yaml.Node) -> set[str]:
    if not isinstance(item, yaml.MappingNode):
        return set()
    return {value.value for key, value in item.value if key.value in ("name", "property")}
