"""What was lent, joined with who lent it and what was said of it: marts.lending, marts.branch_days and find.lending."""

from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from emr_jobs.frame.job_run import JobRun
from emr_jobs.publish import audit, fence
from emr_jobs.publish.day import publish_both, stage, view

LENDING, BRANCH_DAYS, INDEX = "marts.lending", "marts.branch_days", "find.lending"


def catalogue(run: JobRun) -> None:
    with run.report.phase("inputs"):
        read = fence.read(run, run.job.inputs)
        loans, members, reviews = (view(run, dataset, day.snapshot_id) for dataset, day in read.items())
    (staged,) = stage(run, {LENDING: lending(loans, members, reviews, day=run.partition.date)})
    lent = run.spark.table(audit.view_name(LENDING))
    publish_both(
        run,
        [staged, *stage(run, {BRANCH_DAYS: branch_days(lent)})],
        INDEX,
        documents(
            lent,
            reviews,
            columns=[each.name for each in run.contract(INDEX).columns],
        ),
        expected=staged.rows,
        inputs={dataset: day.version for dataset, day in read.items()},
    )


def lending(loans: DataFrame, members: DataFrame, reviews: DataFrame, *, day: date) -> DataFrame:
    said = reviews.groupBy("loan_id").agg(
        F.count("*").alias("review_count"), F.avg("stars").cast("decimal(4,2)").alias("average_stars")
    )
    names = members.select("member_id", F.col("name").alias("member_name"), "branch")
    return (
        loans.join(names, "member_id", how="left")
        .join(said, "loan_id", how="left")
        .select(
            F.lit(day).alias("partition_date"),
            *("loan_id", "title", "kind", "member_name", "branch", "fee"),
            (F.col("due_on") < F.lit(day)).alias("is_overdue"),
            F.coalesce("review_count", F.lit(0)).alias("review_count"),
            "average_stars",
        )
    )


def branch_days(lending: DataFrame) -> DataFrame:
    return lending.groupBy(
        "partition_date", *(F.coalesce(name, F.lit("none")).alias(name) for name in ("branch", "kind"))
    ).agg(
        F.count("*").cast("int").alias("loans"),
        F.coalesce(F.sum("fee"), F.lit(0)).cast("decimal(18,2)").alias("fees"),
        F.count_if("is_overdue").cast("int").alias("overdue"),
    )


def documents(lending: DataFrame, reviews: DataFrame, *, columns: list[str]) -> DataFrame:
    said = reviews.groupBy("loan_id").agg(
        F.sort_array(F.collect_list(F.struct("review_id", "stars", "text"))).alias("reviews")
    )
    return lending.join(said, "loan_id", how="left").select(*columns)
