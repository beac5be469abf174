"""A statement with named parameters, `:partition :start :end :as_of`, and their values for one day. Pure.

Values are bound, never pasted: the connector is given a `?` for each name. Instants are UTC, as text that casts to
TIMESTAMP_NTZ; the partition is text that casts to DATE.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from emr_jobs.contracts import Contract
from emr_jobs.contracts.read import Snowflake
from emr_jobs.core.errors import Misconfigured
from emr_jobs.core.partition import Partition

_NAMED = re.compile(r"(?<![:\w]):([a-z_]+)\b")  # not the :: of a cast, nor the minutes of a time


@dataclass(frozen=True)
class Statement:
    contract: Contract  # of the dataset that its rows are
    partition: Partition
    text: str
    name: str  # that messages say

    @classmethod
    def in_file(cls, file: Path, contract: Contract, partition: Partition) -> "Statement":
        return cls(contract, partition, file.read_text(), f"{file.parent.name}/{file.name}")

    def first(self, rows: int) -> "Statement":
        """Only so many of its rows."""
        return replace(self, text=f"SELECT * FROM ({self.text.strip().rstrip(';')}\n) LIMIT {rows}")  # noqa: S608  # ours

    @property
    def sql(self) -> str:
        return _NAMED.sub("?", self.text)

    @property
    def parameters(self) -> tuple[str, ...]:
        """In the order of their marks. Raises Misconfigured for a name that no day has."""
        values, names = _values(self.partition), _NAMED.findall(self.text)
        if unknown := [name for name in names if name not in values]:
            known = ", ".join(f":{name}" for name in values)
            raise Misconfigured(f"{self.name}: :{unknown[0]} is no parameter; known are {known}")
        return tuple(values[name] for name in names)


def statement_of(source: Contract, dataset: Contract, partition: Partition, *, folder: Path) -> Statement:
    """Of a source that is read by contract; `folder`: of the domain. Raises Misconfigured."""
    declared = source.read
    assert isinstance(declared, Snowflake), source.id
    if declared.sql is not None:
        return Statement.in_file(folder / declared.sql, dataset, partition)
    if declared.day_column is not None:
        return of_a_table(source, declared.day_column, dataset, partition)
    raise Misconfigured(
        f"{source.id}: read by contract, so it says of which rows: day_column, or sql, in its custom property read"
    )


def of_a_table(source: Contract, day_column: str, dataset: Contract, partition: Partition) -> Statement:
    """The rows of a day, start <= day_column < end, with the source's columns as its contract has them."""
    columns = ", ".join(_quoted(column.name) for column in source.columns)
    table = ".".join(map(_quoted, source.physical_name.split(".")))
    types = {each.name: each.logical_type for each in source.columns}
    if day_column not in types:
        raise Misconfigured(f"{source.id}: its day_column {day_column} is none of its columns")
    day = _quoted(day_column)
    when = (
        f"{day} = CAST(:partition AS DATE)"
        if types[day_column] == "date"
        else f"{day} >= CAST(:start AS TIMESTAMP_NTZ) AND {day} < CAST(:end AS TIMESTAMP_NTZ)"
    )
    return Statement(dataset, partition, f"SELECT {columns} FROM {table} WHERE {when}", source.physical_name)  # noqa: S608  # names of the contract


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _values(partition: Partition) -> Mapping[str, str]:
    instants = {"start": partition.start, "end": partition.end, "as_of": partition.as_of}
    return {"partition": str(partition), **{name: f"{at:%Y-%m-%d %H:%M:%S}" for name, at in instants.items()}}
