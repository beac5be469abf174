"""A template with its parameters and resources put in: conditions, references, intrinsic functions. Pure.

Refused loudly: a function that is not one of Ref, GetAtt, Sub, Join, If, Select, Split and the conditions'.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Any

_IN_SUB = re.compile(r"\$\{([^!}][^}]*)\}")
NO_VALUE = object()


class NotUnderstood(Exception):
    """Names the function or reference."""


@dataclass
class Resolver:
    template: dict[str, Any]
    names: dict[str, Any]  # parameters and pseudo parameters
    made: dict[str, dict[str, Any]] = field(default_factory=dict)  # logical id -> Ref and attributes

    def holds(self, condition: str) -> bool:
        return bool(self._condition(self.template["Conditions"][condition]))

    def wanted(self) -> list[str]:
        """Logical ids of the resources whose conditions hold, what is referred to first."""
        resources = self.template["Resources"]
        taken = {name for name, each in resources.items() if "Condition" not in each or self.holds(each["Condition"])}
        graph = {
            name: {other for other in self._references(resources[name]) if other in taken and other != name}
            for name in sorted(taken)
        }
        return list(TopologicalSorter(graph).static_order())

    def value(self, value: Any) -> Any:
        if isinstance(value, list):
            return [each for each in map(self.value, value) if each is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._function(name, argument)
        resolved = {key: self.value(each) for key, each in value.items()}
        return {key: each for key, each in resolved.items() if each is not NO_VALUE}

    def _function(self, name: str, argument: Any) -> Any:
        functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Fn::GetAtt": self._attribute,
            "Fn::Sub": self._sub,
            "Fn::Join": lambda a: str(a[0]).join(str(each) for each in self.value(a[1])),
            "Fn::If": lambda a: self.value(a[1] if self.holds(a[0]) else a[2]),
            "Fn::Select": lambda a: self.value(a[1])[int(a[0])],
            "Fn::Split": lambda a: self.value(a[1]).split(a[0]),
        }
        if name not in functions:
            raise NotUnderstood(f"function {name}")
        return functions[name](argument)

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return NO_VALUE
        if name in self.names:
            return self.names[name]
        if name in self.made:
            return self.made[name]["Ref"]
        raise NotUnderstood(f"Ref {name}")

    def _attribute(self, argument: Any) -> Any:
        name, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
        try:
            return self.made[name][attribute]
        except KeyError:
            raise NotUnderstood(f"GetAtt {name}.{attribute}") from None

    def _sub(self, argument: Any) -> str:
        text, more = (argument, {}) if isinstance(argument, str) else argument
        given: Mapping[str, Any] = self.value(more)

        def replaced(found: re.Match[str]) -> str:
            name = found[1]
            if name in given:
                return str(given[name])
            return str(self._attribute(name) if "." in name else self._ref(name))

        return _IN_SUB.sub(replaced, text).replace("${!", "${")

    def _condition(self, condition: Any) -> bool:
        ((name, argument),) = condition.items()
        match name:
            case "Condition":
                return self.holds(argument)
            case "Fn::Equals":
                return bool(self.value(argument[0]) == self.value(argument[1]))
            case "Fn::Not":
                return not self._condition(argument[0])
            case "Fn::And":
                return all(map(self._condition, argument))
            case "Fn::Or":
                return any(map(self._condition, argument))
        raise NotUnderstood(f"condition {name}")

    def _references(self, value: Any) -> set[str]:
        if isinstance(value, list):
            return set().union(*map(self._references, value)) if value else set()
        if not isinstance(value, dict):
            return set()
        found: set[str] = set()
        for key, each in value.items():
            if key == "Ref":
                found.add(each)
            elif key == "Fn::GetAtt":
                found.add(each.split(".", 1)[0] if isinstance(each, str) else each[0])
            elif key == "Fn::Sub":
                text = each if isinstance(each, str) else each[0]
                found |= {name.split(".", 1)[0] for name in _IN_SUB.findall(text)}
            elif key == "DependsOn":
                found |= {each} if isinstance(each, str) else set(each)
            found |= self._references(each)
        return found
