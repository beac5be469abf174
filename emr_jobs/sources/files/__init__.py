"""A day's files on S3 or on this machine, read exactly: each once by its exact name, every record accounted for.

`pattern_of` and `listed` say which files a day has, `fetch` gives what a caller makes of their records, `lines` the raw
lines; `require_whole` compares what was read with the listing. `first_records` looks into files without Spark.

    listing       files of a pattern            delivered     a day's files, or what is wrong with its folder
    opening       one file, unpacked            refusals      why a file is not read, as errors that name it
    json_lines    csv_rows (csv_text)    parquet_rows    the records of a format, in batches of bounded size
    fetching      files over Spark's workers    reports       how many records each file gave

Does not own: what a record says.
"""

from emr_jobs.sources.files.delivered import listed, nothing_delivered
from emr_jobs.sources.files.fetching import LINES_SCHEMA, fetch, first_records, lines
from emr_jobs.sources.files.listing import File, address, pattern_of
from emr_jobs.sources.files.reports import require_whole

__all__ = [
    "LINES_SCHEMA",
    "File",
    "address",
    "fetch",
    "first_records",
    "lines",
    "listed",
    "nothing_delivered",
    "pattern_of",
    "require_whole",
]
