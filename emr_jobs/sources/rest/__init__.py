"""The client of every web API: what `read` of kind rest declares, asked for in slices under one budget.

    window     which time is asked for, and which records are of another one
    pages      how one page leads to the next               page_body  what is in an answer
    complete   whether all of a slice has come              download   its bytes, within a cap
    auth       what lets us in                              transport  retries, outages, certificates, proxies
    client     slices, totals, chains of pages              fetch      all of them through Spark
    refusals   what a person reads

Nothing of one API stands here: all comes from the contract (contracts.read.Rest) and from the settings
(RestConnection). Does not own: what a record looks like (its reader); comparing the day's total with all slices, and
equal records of two slices (the caller, on typed rows).
"""

from emr_jobs.sources.rest.client import Client, first_records
from emr_jobs.sources.rest.fetch import fetch, require_whole
from emr_jobs.sources.rest.window import Slice, slices

__all__ = ["Client", "Slice", "fetch", "first_records", "require_whole", "slices"]
