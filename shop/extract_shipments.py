"""Shipments from the carrier's web API: intermediate.shipments."""

from emr_jobs.extraction import from_api
from emr_jobs.job_run import JobRun
from emr_jobs.publish.both import audit_then_commit, stage

from shop.transforms.shipments import SHIPMENT, read_shipments, shipments

SOURCE = "web_api.shipments"
OUTPUT = "intermediate.shipments"


def extract_shipments(run: JobRun) -> None:
    with from_api(run, run.contract(SOURCE), schema=SHIPMENT, read=read_shipments) as fetched:
        days = stage(run, {OUTPUT: shipments(fetched.rows, partition_date=run.partition.date)})
        audit_then_commit(run, days, measures={OUTPUT: {"missing_rows": float((fetched.total or 0) - days[0].rows)}})
