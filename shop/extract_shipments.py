"""Shipments from the carrier's web API: intermediate.shipments."""

from emr_jobs.errors import BadInput, Remedy
from emr_jobs.job_run import JobRun
from emr_jobs.publish.both import audit_then_commit, stage
from emr_jobs.sources import web_api
from pyspark import StorageLevel

from shop.transforms.shipments import SHIPMENT, read_shipments, shipments

SOURCE = "web_api.shipments"
OUTPUT = "intermediate.shipments"


def extract_shipments(run: JobRun) -> None:
    settings = run.settings.sources.shipments
    client = web_api.ApiClient(settings, dataset=SOURCE, partition=run.partition)
    with run.report.phase("count"):
        total = client.total(web_api.Slice(run.partition.start, run.partition.end))
    fetched = web_api.fetch(
        run.spark,
        settings,
        dataset=SOURCE,
        partition=run.partition,
        pagination=web_api.CursorPagination(),
        schema=SHIPMENT,
        read=read_shipments,
    ).persist(StorageLevel.DISK_ONLY)  # asked for once: counted, then published
    with run.report.phase("fetch"):
        rows = web_api.require_whole(fetched, dataset=SOURCE, partition=run.partition)
    run.report.log("fetched", dataset=SOURCE, rows=rows, total=total)
    if rows != total:
        raise BadInput(
            dataset=SOURCE,
            partition=run.partition,
            expected=f"total {total} of the whole day",
            found=f"{rows} rows in its slices",
            fix="If it happens again, tell the API's owner: its total is wrong.",
            remedy=Remedy.RERUN,
        )
    days = stage(run, {OUTPUT: shipments(fetched, partition_date=run.partition.date)})
    audit_then_commit(run, days, measures={OUTPUT: {"missing_rows": float(total - days[0].rows)}})
    fetched.unpersist()
