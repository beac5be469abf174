"""The contracts: what each dataset looks like, is checked for, and comes from.

`load` reads a folder of *.odcs.yaml; `table` derives Spark and Iceberg schemas, `mapping` the search
index. Everything that another part needs to know of a dataset is derived from here.
"""

from emr_jobs.contracts.load import PARTITION_COLUMN, InvalidContracts, load
from emr_jobs.contracts.model import Check, Column, Contract, Medium, Severity

__all__ = [
    "PARTITION_COLUMN",
    "Check",
    "Column",
    "Contract",
    "InvalidContracts",
    "Medium",
    "Severity",
    "load",
]
