"""Orders from S3 JSON Lines: intermediate.orders, intermediate.order_items, intermediate.rejected_orders.

One read of the input: the lines are parsed and classified once, kept on disk, and become three datasets. The
rejects are published first and always, so that they can be read exactly when they are too many.
"""

from collections.abc import Sequence

from emr_jobs.extraction import listed_files
from emr_jobs.frame.job_run import JobRun
from emr_jobs.publish.day import publish_lake
from emr_jobs.sources import files
from emr_jobs.sources.files import File
from pyspark import StorageLevel
from pyspark.sql import DataFrame

from shop.transforms.order_items import order_items
from shop.transforms.order_line import TEST
from shop.transforms.order_lines import DUPLICATE, ORDER, parse, settle
from shop.transforms.orders import orders
from shop.transforms.rejected_orders import rejected_orders

SOURCE = "s3.orders"


def extract_orders(run: JobRun) -> None:
    day = run.partition.date
    delivered = listed_files(run, run.contract(SOURCE))
    lines = files.lines(run.spark, delivered, dataset=SOURCE, partition=run.partition)
    order_lines = settle(parse(lines, partition=run.partition))
    order_lines.persist(StorageLevel.DISK_ONLY)
    with run.report.phase("read"):
        counts = outcomes(run, order_lines, delivered)
    total = sum(counts.values())
    kept = {name: counts.get(name, 0) for name in (ORDER, TEST, DUPLICATE)}
    rejected = total - sum(kept.values())
    run.report.log("read", dataset=SOURCE, lines=total, rejected=rejected, **kept)
    facts = {"lines": total, "rejected": rejected, "test_orders": kept[TEST], "duplicates": kept[DUPLICATE]}

    publish_lake(run, {"intermediate.rejected_orders": rejected_orders(order_lines, partition_date=day)}, facts=facts)
    publish_lake(
        run,
        {
            "intermediate.orders": orders(order_lines, partition_date=day),
            "intermediate.order_items": order_items(order_lines, partition_date=day),
        },
        measures={"intermediate.orders": {"rejected_share": rejected / total if total else 0.0}},
        facts=facts,
    )
    order_lines.unpersist()


def outcomes(run: JobRun, order_lines: DataFrame, delivered: Sequence[File]) -> dict[str, int]:
    """Lines by outcome, of every file. The first action on the input: what is wrong with a file shows here."""
    groups = order_lines.groupBy("outcome", "file", "records", "error").count().collect()
    counts = {row["outcome"]: row["count"] for row in groups if row["file"] is None}
    reports = [row for row in groups if row["file"] is not None]
    by_file = files.require_whole(reports, delivered, sum(counts.values()), dataset=SOURCE, partition=run.partition)
    for name, lines in sorted(by_file.items()):
        run.report.log("read file", dataset=SOURCE, file=name, lines=lines)
    return counts
