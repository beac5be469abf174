"""docs/contracts.md: what a contract may say, from docs/contracts.md.j2 and the models that validate it.

    python -m pipeline_assets.contract_reference > docs/contracts.md

The meaning of a field is the text below it in its model. It is read from the source here, not by pydantic, whose
use_attribute_docstrings reads the source of every class in every process: 29 ms for these two modules.
Invariant: a field without a text fails the generation.
"""

import ast
import inspect
import sys
import types
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache
from itertools import pairwise
from textwrap import dedent
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le
from emr_jobs.contracts import Column, extras, read
from emr_jobs.contracts.load import INDEX_TYPES, TABLE_TYPES
from emr_jobs.contracts.model import Status
from emr_jobs.contracts.table import spark_type
from emr_jobs.core import settings as settings_models
from jinja2 import Environment, StrictUndefined
from pydantic import BaseModel, JsonValue, StrictInt
from pydantic.fields import FieldInfo

from pipeline_assets.home import ROOT

TEMPLATE = ROOT / "docs" / "contracts.md.j2"
Model = type[BaseModel]

TITLES: Mapping[Model, str] = {
    extras.DatasetExtras: "Custom properties of a dataset",
    extras.Duplicates: "Duplicates",
    extras.ColumnExtras: "Custom properties of a column",
    extras.TypeOptions: "Minimum of a column",
    extras.QualityExtras: "Custom properties of a rule",
    extras.CustomMeasure: "Measure of a rule",
    read.Rest: "Read an API",
    read.Cursor: "Pages by cursor",
    read.NextUrl: "Pages by the next address",
    read.LinkHeader: "Pages by Link header",
    read.Offset: "Pages by offset",
    read.PageNumber: "Pages by number",
    read.OnePage: "One page",
    read.Complete: "Complete",
    read.TotalRequest: "Request for the total",
    read.Files: "Read files",
    read.Csv: "CSV",
    read.Snowflake: "Read Snowflake",
    settings_models.RestConnection: "Connection to an API",
    settings_models.NoAuth: "Nobody",
    settings_models.Bearer: "Bearer token",
    settings_models.ApiKey: "Key",
    settings_models.Basic: "User and password",
    settings_models.OAuth2: "OAuth2",
    settings_models.FilesConnection: "Connection to files",
    settings_models.SnowflakeConnection: "Connection to Snowflake",
}
# Types that have a name of their own, by what they are made of.
_NAMED: list[tuple[Any, str]] = [
    (read.JsonPath, "path `$.a.b`"),
    (read.Name, "name of letters, digits and `_`"),
    (read.Path, "path `/a/b`"),
    (read.Mark, "one character"),
    (settings_models.Secret, "secret: `env:NAME`, `aws:NAME` or `file:PATH`"),
    (settings_models.Url, "`http://…` or `https://…`"),
    (settings_models.Location, "path or URI"),
    (JsonValue, "anything"),
    (StrictInt, "whole number"),
    (str, "text"),
    (int, "whole number"),
    (float, "number"),
    (bool, "`true` or `false`"),
]


def reference() -> str:
    """The page. Raises Undocumented."""
    page = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)  # noqa: S701  # Markdown
    names = {model.__name__: model for model in TITLES}
    return page.from_string(TEMPLATE.read_text()).render(
        **names, section=section, types_table=types_table, statuses=_or(f"`{each}`" for each in Status)
    )


class Undocumented(Exception):
    def __init__(self, model: Model, field: str) -> None:
        super().__init__(
            f"{model.__module__}.{model.__name__}.{field}: expected a text below it that says what it means"
        )


def section(model: Model) -> str:
    """Heading, what the model is, and a table of its fields. A `kind` is part of the first sentence."""
    parts = [f"### {TITLES[model]}", _kind(model) + " ".join(inspect.cleandoc(model.__doc__ or "").split())]
    rows = [
        f"| `{name}` | {_words(_annotation(field))} | {_default(field)} | {_meaning(model, name)} |"
        for name, field in model.model_fields.items()
        if name != "kind"
    ]
    if rows:
        parts.append("\n".join(["| property | type | default | meaning |", "|---|---|---|---|", *rows]))
    return "\n\n".join(parts)


def types_table() -> str:
    """What each logical type is in a table and in an index."""
    rows = ["| logicalType | in a table | in an index, physicalType |", "|---|---|---|"]
    for logical, physical in INDEX_TYPES.items():
        declared = "decimal(P,S)" if None not in TABLE_TYPES[logical] else None
        of_spark = spark_type(Column("", logical, physical_type=declared))
        said = f"`{of_spark}`, which physicalType says" if declared else f"`{of_spark}`"
        rows.append(f"| `{logical}` | {said} | {_or(f'`{each}`' for each in sorted(filter(None, physical)))} |")
    return "\n".join(rows)


def _kind(model: Model) -> str:
    field = model.model_fields.get("kind")
    return f"`kind: {_or(f'{each}' for each in get_args(field.annotation))}`. " if field else ""


def _annotation(field: FieldInfo) -> Any:
    """As it is written: pydantic takes the constraints out of it."""
    return Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation


def _words(annotation: Any) -> str:
    for known, words in _NAMED:
        if annotation == known:
            return words
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _words(arguments[0]) + "".join(_limits(arguments[1:]))
    if origin in (Union, types.UnionType):
        return _or(_words(each) for each in arguments if each is not type(None))
    if origin is Literal:
        return _or(f"`{_yaml(each)}`" for each in arguments)
    if origin is dict:
        return f"{_words(arguments[1])} by name"
    if origin is tuple:
        return f"list of {len(arguments)}, each a {_words(arguments[0])}"
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return _or(f"`{each}`" for each in annotation)
    if annotation in TITLES:
        return f"[{TITLES[annotation]}](#{anchor(TITLES[annotation])})"
    raise AssertionError(f"no words for {annotation}")


def _limits(constraints: tuple[Any, ...]) -> Iterator[str]:
    for each in constraints:
        match each:
            case Gt(gt=limit):
                yield f" above {limit}"
            case Ge(ge=limit):
                yield f" from {limit}"
            case Le(le=limit):
                yield f" to {limit}"
            case FieldInfo(metadata=metadata):
                yield from _limits(tuple(metadata))


def anchor(title: str) -> str:
    """As GitHub makes it, of a title of letters and spaces."""
    return title.lower().replace(" ", "-")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if isinstance(field.default, BaseModel):
        return f"`{kind}`" if (kind := getattr(field.default, "kind", None)) else "its defaults"
    return f"`{_yaml(field.default)}`" if field.default not in (None, "", {}) else ""


def _yaml(value: Any) -> str:
    """The text `null` has quotes: without, YAML's is nothing."""
    return str(value).lower() if isinstance(value, bool) else '"null"' if value == "null" else str(value)


def _or(words: Iterator[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last


def _meaning(model: Model, field: str) -> str:
    try:
        return " ".join(_texts(model)[field].split()).replace("|", "\\|")
    except KeyError:
        raise Undocumented(model, field) from None


@cache
def _texts(model: Model) -> dict[str, str]:
    """What stands below each field, of the classes that it inherits from too."""
    found: dict[str, str] = {}
    for each in reversed(model.__mro__):
        if issubclass(each, BaseModel) and each is not BaseModel:
            (definition,) = ast.parse(dedent(inspect.getsource(each))).body
            assert isinstance(definition, ast.ClassDef), each
            for field, below in pairwise(definition.body):
                match field, below:
                    case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                        found[name] = inspect.cleandoc(text)
    return found


if __name__ == "__main__":
    sys.stdout.write(reference())
