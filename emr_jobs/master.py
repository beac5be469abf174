"""The business rules: final.order_facts, final.daily_sales and search.orders from the intermediate datasets.

Each input is read at one snapshot, and nothing is published once one has another version. The documents are built from
what is staged, so both targets hold the same rows; they are published together or not at all.
"""

from emr_jobs.catalog import job_named
from emr_jobs.job import JobRun, main
from emr_jobs.publish import audit, fence, lake
from emr_jobs.publish.both import publish_both, stage, view
from emr_jobs.transforms.daily_sales import daily_sales
from emr_jobs.transforms.order_facts import order_facts
from emr_jobs.transforms.search_orders import search_orders

FACTS, SALES, SEARCH = "final.order_facts", "final.daily_sales", "search.orders"
HISTORY_DAYS = 7


def master(run: JobRun) -> None:
    with run.report.phase("inputs"):
        read = fence.read(run, run.contract(FACTS).upstream)
        frames = {run.contract(dataset).name: view(run, dataset, day.snapshot_id) for dataset, day in read.items()}
    facts = order_facts(**frames, partition=run.partition)
    (staged_facts,) = stage(run, {FACTS: facts})
    staged = run.spark.table(audit.view_name(FACTS))
    (staged_sales,) = stage(run, {SALES: daily_sales(staged)})
    publish_both(
        run,
        [staged_facts, staged_sales],
        SEARCH,
        search_orders(staged, frames["order_items"], contract=run.contract(SEARCH)),
        expected=staged_facts.rows,
        inputs={dataset: day.version for dataset, day in read.items()},
        measures={FACTS: {"row_count_drift": row_count_drift(run, staged_facts.rows)}},
    )


def row_count_drift(run: JobRun, rows: int) -> float | None:
    """Rows against the mean of the last seven partitions, less one; None while there are not seven."""
    earlier = lake.recent_row_counts(run.spark, run.contract(FACTS), before=run.partition, days=HISTORY_DAYS)
    if len(earlier) < HISTORY_DAYS:
        return None
    return rows / (sum(earlier) / HISTORY_DAYS) - 1


if __name__ == "__main__":
    main(job_named("master"), master)
