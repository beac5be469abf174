"""The business rules: final.order_facts, final.daily_sales and search.orders from the intermediate datasets.

Each input is read at one snapshot, and nothing is published once one has another version. The documents are built from
what is staged, so both targets hold the same rows; they are published together or not at all.
"""

from emr_jobs.frame.job_run import JobRun
from emr_jobs.publish import audit, fence
from emr_jobs.publish.day import publish_both, stage, view

from shop.transforms.daily_sales import daily_sales
from shop.transforms.order_facts import order_facts
from shop.transforms.search_orders import search_orders

FACTS, SALES, SEARCH = "final.order_facts", "final.daily_sales", "search.orders"


def master(run: JobRun) -> None:
    with run.report.phase("inputs"):
        read = fence.read(run, run.job.inputs)
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
    )
