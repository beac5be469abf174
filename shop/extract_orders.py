"""Orders from S3 JSON Lines: intermediate.orders, intermediate.order_items, intermediate.rejected_orders.

One read of the input: the lines are parsed and classified once, kept on disk, and become three datasets. The
rejects are published first and always, so that they can be read exactly when they are too many.
"""

from collections.abc import Sequence

from emr_jobs.job_run import JobRun
from emr_jobs.publish.both import publish_lake
from emr_jobs.sources import s3_json
from emr_jobs.sources.listing import File
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
    pattern = run.settings.sources.orders.of(run.partition)
    files = s3_json.listed(pattern, dataset=SOURCE, partition=run.partition, allow_empty=run.allow_empty)
    lines = s3_json.lines(run.spark, files, dataset=SOURCE, partition=run.partition)
    order_lines = settle(parse(lines, partition=run.partition))
    order_lines.persist(StorageLevel.DISK_ONLY)
    with run.report.phase("read"):
        counts = outcomes(run, order_lines, files)
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


def outcomes(run: JobRun, order_lines: DataFrame, files: Sequence[File]) -> dict[str, int]:
    """Lines by outcome, of every file. The first action on the input: what is wrong with a file shows here."""
    groups = order_lines.groupBy("outcome", "file", "lines", "error").count().collect()
    counts = {row["outcome"]: row["count"] for row in groups if row["file"] is None}
    reports = [row for row in groups if row["file"] is not None]
    by_file = s3_json.require_whole(reports, files, sum(counts.values()), dataset=SOURCE, partition=run.partition)
    for name, lines in sorted(by_file.items()):
        run.report.log("read file", dataset=SOURCE, file=name, lines=lines)
    return counts
