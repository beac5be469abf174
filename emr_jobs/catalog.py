"""The jobs: which datasets each one publishes, and how it is run. Plain data, no Spark.

Does not own: what a dataset looks like or depends on (contracts/). A job is one PySpark program, one EMR
step, one Dagster multi-asset and one Step Functions state; all of these are built from here.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Job:
    name: str
    outputs: tuple[str, ...]  # datasets, in the order in which they are published
    timeout_s: int
    max_retries: int  # of the whole job, by whoever starts it; sources retry their own requests
    # What YARN is asked for is memory and overhead together. The overhead holds all that is not the JVM's heap, Python
    # too; YARN kills what is above the sum. What was measured: docs/decisions.md.
    driver_memory_mb: int = 2048
    driver_overhead_mb: int = 1024
    executor_memory_mb: int = 4096
    executor_overhead_mb: int = 1536  # a Python worker a core
    executor_cores: int = 4
    max_executors: int = 4  # of the shared cluster: three extractions run at once

    @property
    def lead(self) -> str:
        """The output whose version says whose the day is (publish/fence.py): a table, published first."""
        return self.outputs[0]

    @property
    def driver_mb(self) -> int:
        """What its driver takes of a node."""
        return self.driver_memory_mb + self.driver_overhead_mb

    @property
    def script(self) -> str:
        return f"emr_jobs/{self.name}.py"


JOBS = (
    Job(
        "extract_orders",
        outputs=("intermediate.rejected_orders", "intermediate.orders", "intermediate.order_items"),
        timeout_s=1800,
        max_retries=1,
    ),
    Job(
        "extract_customers",
        outputs=("intermediate.customers", "intermediate.fx_rates"),
        timeout_s=1800,
        max_retries=1,
    ),
    Job("extract_shipments", outputs=("intermediate.shipments",), timeout_s=2700, max_retries=1),
    Job(
        "master",
        outputs=("final.order_facts", "final.daily_sales", "search.orders"),
        timeout_s=3600,
        max_retries=1,
        max_executors=8,
    ),
)

# Steps that are no assets: a day taken back, upkeep of the lake.
ROLLBACK = Job("rollback", outputs=(), timeout_s=3600, max_retries=0)
MAINTAIN = Job("maintain", outputs=(), timeout_s=1800, max_retries=0)


def job_named(name: str) -> Job:
    return {job.name: job for job in JOBS}[name]


def job_of(dataset: str) -> Job:
    """The job that publishes this dataset."""
    return {output: job for job in JOBS for output in job.outputs}[dataset]
