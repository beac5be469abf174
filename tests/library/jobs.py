"""The library's jobs beside those that its contracts are enough for."""

from emr_jobs.catalog import Job

JOBS = (
    Job(
        "catalogue",
        body="tests.library.catalogue:catalogue",
        inputs=("staged.loans", "staged.members", "staged.reviews"),
        outputs=("marts.lending", "marts.branch_days", "find.lending"),
        timeout_s=1800,
        max_retries=1,
        max_executors=8,
    ),
)
