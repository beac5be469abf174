"""A contract as the text of its file: blocks, and a line a column, as the contracts of a domain are written. Pure."""

from typing import Any

import yaml

from pipeline_assets.scaffold.draft import Line


class _Dumper(yaml.SafeDumper):
    """Lists stand in from their key."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _in_one_line(dumper: yaml.SafeDumper, line: Line) -> yaml.Node:
    return dumper.represent_mapping("tag:yaml.org,2002:map", line.items(), flow_style=True)


_Dumper.add_representer(Line, _in_one_line)


def contract_text(contract: dict[str, Any]) -> str:
    return yaml.dump(
        contract, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000, default_flow_style=False
    )
