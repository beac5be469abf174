"""Orders from S3 JSON Lines: intermediate.orders, intermediate.order_items, intermediate.rejected_orders.

One read of the input: the lines are parsed and classified once, kept on disk, and become three datasets. The
rejects are published first and always, so that they can be read exactly when they are too many.
"""

from py4j.protocol import Py4JJavaError
from pyspark import StorageLevel
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame

from emr_jobs.catalog import job_named
from emr_jobs.job import JobRun, main
from emr_jobs.publish.both import publish_lake
from emr_jobs.sources import s3_json
from emr_jobs.transforms.order_items import order_items
from emr_jobs.transforms.order_lines import DUPLICATE, ORDER, TEST, parse, settle
from emr_jobs.transforms.orders import orders
from emr_jobs.transforms.rejected_orders import rejected_orders

SOURCE = "s3.orders"


def extract_orders(run: JobRun) -> None:
    day = run.partition.date
    lines = s3_json.lines(
        run.spark,
        run.settings.sources.orders.of(run.partition),
        dataset=SOURCE,
        partition=run.partition,
        allow_empty=run.allow_empty,
    )
    order_lines = settle(parse(lines, partition=run.partition, source=run.contract(SOURCE)))
    order_lines.persist(StorageLevel.DISK_ONLY)
    with run.report.phase("read"):
        counts = outcomes(run, order_lines)
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


def outcomes(run: JobRun, order_lines: DataFrame) -> dict[str, int]:
    """Lines by outcome. The first action on the input: what is wrong with a file shows here."""
    try:
        return {row["outcome"]: row["count"] for row in order_lines.groupBy("outcome").count().collect()}
    except (Py4JJavaError, PySparkException) as error:
        unreadable = s3_json.unreadable(error, dataset=SOURCE, partition=run.partition)
        if unreadable is None:
            raise
        raise unreadable from None


if __name__ == "__main__":
    main(job_named("extract_orders"), extract_orders)
