"""What the body of a job works with, and every part of a publish: which run of which job this is.

Does not own: where it comes from (job).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emr_jobs.catalog import Job
from emr_jobs.contracts import Contract
from emr_jobs.core.partition import Partition
from emr_jobs.core.settings import Settings
from emr_jobs.domain import Domain
from emr_jobs.frame.report import Report

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class JobRun:
    job: Job
    domain: Domain
    partition: Partition
    settings: Settings
    run_id: str
    attempt: int
    allow_empty: bool
    spark: "SparkSession"
    report: Report
    wap_id: str  # the version of the day that it publishes
    replaced: str | None  # that of the lead as the run began

    def contract(self, dataset: str) -> Contract:
        return self.domain.contracts[dataset]
