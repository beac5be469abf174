"""What a schema says of its fields: Parquet's types, and Snowflake's as DESC TABLE or information_schema say. Pure.

Snowflake's names are those of information_schema (`TEXT`, not `VARCHAR(20)`): they are compared with it before a run.
Does not own: what only values tell (infer).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from emr_jobs.core.errors import Misconfigured

from pipeline_assets.scaffold.infer import WITHOUT_OFFSET, Field, fields_of

if TYPE_CHECKING:
    import pyarrow as pa

NO_RULE = "no rule reads it"

_SNOWFLAKE = {
    **dict.fromkeys(("TEXT", "VARCHAR", "STRING", "CHAR", "CHARACTER", "NVARCHAR"), ("TEXT", "string")),
    **dict.fromkeys(("NUMBER", "DECIMAL", "NUMERIC", "FIXED"), ("NUMBER", "number")),
    **dict.fromkeys(("INT", "INTEGER", "BIGINT", "SMALLINT", "TINYINT", "BYTEINT"), ("NUMBER", "integer")),
    **dict.fromkeys(("FLOAT", "FLOAT4", "FLOAT8", "DOUBLE", "DOUBLE PRECISION", "REAL"), ("FLOAT", "number")),
    "BOOLEAN": ("BOOLEAN", "boolean"),
    "DATE": ("DATE", "date"),
    "TIME": ("TIME", "time"),
    **dict.fromkeys(("TIMESTAMP_NTZ", "DATETIME", "TIMESTAMP"), ("TIMESTAMP_NTZ", "timestamp")),
    "TIMESTAMP_LTZ": ("TIMESTAMP_LTZ", "timestamp"),
    "TIMESTAMP_TZ": ("TIMESTAMP_TZ", "timestamp"),
    "VARIANT": ("VARIANT", "string"),
    "OBJECT": ("OBJECT", "string"),
    "ARRAY": ("ARRAY", "string"),
    **dict.fromkeys(("BINARY", "VARBINARY"), ("BINARY", "string")),
}
_UNREAD = {"TIME", "BINARY"}
_AS_JSON = {"VARIANT", "OBJECT", "ARRAY"}
_NAME, _TYPE = ("column_name", "name", "column"), ("data_type", "type")
_PRECISION, _SCALE, _KEY = ("numeric_precision", "precision"), ("numeric_scale", "scale"), ("primary key", "is_key")


def snowflake_fields(rows: Sequence[Mapping[str, str]]) -> tuple[Field, ...]:
    """A row a column: name and type, and what else is there. Raises Misconfigured for what is no list of columns."""
    if not rows or not _of(rows[0], _NAME) or not _of(rows[0], _TYPE):
        raise Misconfigured(
            "the sample is no list of a table's columns: it needs a row a column with its name and type, as "
            "SELECT column_name, data_type, numeric_precision, numeric_scale FROM information_schema.columns gives them"
        )
    return tuple(map(_snowflake_field, rows))


def _of(row: Mapping[str, str], names: Sequence[str]) -> str:
    by_name = {name.strip().lower(): (value or "").strip() for name, value in row.items()}
    return next((by_name[name] for name in names if by_name.get(name)), "")


def _snowflake_field(row: Mapping[str, str]) -> Field:
    name, written = _of(row, _NAME), _of(row, _TYPE).upper()
    base, *numbers = re.findall(r"[A-Z_][A-Z_0-9 ]*[A-Z_0-9]|\d+", written) or [written]
    physical, type_ = _SNOWFLAKE.get(base, (base, "string"))
    field = Field(name, type_, 0, physical=physical, was_key=_of(row, _KEY).lower() in ("y", "yes", "true"))
    if base not in _SNOWFLAKE or physical in _UNREAD:
        return replace(field, is_read=False, doubt=f"{physical}: {NO_RULE}")
    if physical in _AS_JSON:
        return replace(field, doubt=f"{physical} comes as the text of its JSON")
    if physical == "FLOAT":
        return replace(field, decimal=(18, 2), doubt="FLOAT: rounded to two decimals")
    if type_ == "number":
        precision, scale = numbers[:2] if len(numbers) > 1 else (_of(row, _PRECISION), _of(row, _SCALE))
        return _snowflake_number(field, precision, scale)
    return field


def _snowflake_number(field: Field, precision: str, scale: str) -> Field:
    if not scale.isdigit():
        doubt = "NUMBER without its scale: a whole number, a fraction is read as null"
        return replace(field, type="integer", doubt=doubt)
    if scale == "0":
        return replace(field, type="integer")
    return replace(field, decimal=(int(precision) if precision.isdigit() else 38, int(scale)))


def parquet_fields(schema: "pa.Schema", records: Sequence[Mapping[str, Any]]) -> tuple[Field, ...]:
    """Types of the schema; how many records have a value, and which values are unique, of the records."""
    seen = {field.name: field for field in fields_of(records)}
    return tuple(_parquet_field(each, seen.get(each.name)) for each in schema)


def in_snowflake(fields: Sequence[Field]) -> tuple[Field, ...]:
    """Fields of rows that were exported as Parquet, with the types that the table has, as far as Parquet tells."""
    names = {"string": "TEXT", "boolean": "BOOLEAN", "date": "DATE", "integer": "NUMBER", "number": "NUMBER"}
    found = []
    for field in fields:
        if field.was_text:
            found.append(replace(field, type="string", decimal=None, physical="TEXT"))
        elif field.type == "timestamp":
            physical = "TIMESTAMP_NTZ" if field.default_timezone else "TIMESTAMP_TZ"
            doubt = None if field.default_timezone else "TIMESTAMP_TZ or TIMESTAMP_LTZ: Parquet does not tell"
            found.append(replace(field, physical=physical, default_timezone=None, doubt=doubt))
        elif field.type in names:
            found.append(replace(field, physical=names[field.type]))
        else:
            found.append(
                replace(
                    field,
                    type="string",
                    is_read=False,
                    items=None,
                    fields=(),
                    physical="VARIANT",
                    doubt=f"VARIANT: {NO_RULE}",
                )
            )
    return tuple(found)


def _parquet_field(declared: "pa.Field", seen: Field | None) -> Field:
    import pyarrow as pa

    type_ = declared.type
    if pa.types.is_dictionary(type_):
        type_ = type_.value_type
    field = seen or Field(declared.name, "string", 0)
    if not field.filled:
        field = replace(field, doubt="has no value in any record", items=None, fields=())
    if pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_):
        return replace(field, was_text=True)
    if pa.types.is_boolean(type_):
        return replace(field, type="boolean")
    if pa.types.is_integer(type_):
        return replace(field, type="integer", decimal=None)
    if pa.types.is_floating(type_):
        return replace(field, type="number", decimal=field.decimal or (18, 2), is_unique=False)
    if pa.types.is_decimal(type_):
        return _of_decimal(field, min(type_.precision, 38), type_.scale)
    if pa.types.is_date(type_):
        return replace(field, type="date")
    if pa.types.is_timestamp(type_):
        doubt = field.doubt if type_.tz else WITHOUT_OFFSET
        return replace(field, type="timestamp", default_timezone=None if type_.tz else "UTC", doubt=doubt)
    if pa.types.is_struct(type_) and not field.filled:
        return replace(field, type="object", is_read=False)
    if pa.types.is_nested(type_):
        return field if field.filled else replace(field, type="array", items="string")
    return replace(field, type="string", is_read=False, doubt=f"{type_}: {NO_RULE}")


def _of_decimal(field: Field, precision: int, scale: int) -> Field:
    if scale == 0 and precision <= 18:
        return replace(field, type="integer", decimal=None)
    return replace(field, type="number", decimal=(precision, scale), doubt=field.doubt if not field.filled else None)
