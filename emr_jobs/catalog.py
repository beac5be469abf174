"""What a job is: which datasets it publishes, what makes them, how it is run. Plain data, no Spark.

A job is one PySpark program, one EMR step, one Dagster multi-asset and one Step Functions state; all of these are built
from here. Does not own: the domain's jobs (domain), what a dataset looks like or depends on (contracts/).
"""

from dataclasses import dataclass, field

RUN_JOB = "emr_jobs/run_job.py"
BY_CONTRACT = "emr_jobs.by_contract:extract"  # the body of a job that reads one source as the contract says


@dataclass(frozen=True)
class Pick:
    """Columns whose values a function takes out of a record; how these are read their types say, as of any field.

    It is called where the record was fetched, with the object as strict_json gives it, {} where there is none, and
    returns a tuple with a value a column.
    """

    columns: tuple[str, ...]
    function: str  # "package.module:function"


@dataclass(frozen=True)
class Job:
    name: str
    outputs: tuple[str, ...]  # datasets, in the order in which they are published
    timeout_s: int
    max_retries: int  # of the whole job, by whoever starts it; sources retry their own requests
    inputs: tuple[str, ...] = ()  # datasets of other jobs, and sources
    body: str | None = None  # "package.module:function", called with the JobRun; None: the script is the job's own
    picks: tuple[Pick, ...] = ()  # of a body BY_CONTRACT
    # What YARN is asked for is memory and overhead together. The overhead holds all that is not the JVM's heap, Python
    # too; YARN kills what is above the sum. What was measured: docs/decisions.md.
    driver_memory_mb: int = 2048
    driver_overhead_mb: int = 1024
    executor_memory_mb: int = 4096
    executor_overhead_mb: int = 1536  # a Python worker a core
    executor_cores: int = 4
    max_executors: int = 4  # of the shared cluster: three extractions run at once
    # The file that has its limits; of a domain's jobs set by the domain.
    declared_in: str = field(default="emr_jobs/catalog.py", compare=False)

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
        """The entry point, a path in the code. It is given the job's name first."""
        return RUN_JOB if self.body else f"emr_jobs/{self.name}.py"


# Steps that are no assets: a day taken back, upkeep of the lake.
ROLLBACK = Job("rollback", outputs=(), timeout_s=3600, max_retries=0)
MAINTAIN = Job("maintain", outputs=(), timeout_s=1800, max_retries=0)
