"""What a job needs of the JVM it runs in."""

import subprocess

from emr_jobs.catalog import job_named
from pipeline_assets.home import ROOT
from pipeline_assets.launchers.command import UTF8, job_arguments, local_environment, local_submit
from tests.running import Day, finished


def test_a_jvm_that_reads_ascii_is_refused(published_day: Day) -> None:
    job = job_named("extract_customers")
    arguments = job_arguments(
        day=("--partition", published_day.partition),
        settings=published_day.settings_uri,
        run_id="ascii",
        attempt="0",
    )
    command = local_submit(job.script, arguments, published_day.settings.spark)
    ascii_jvm = [part.replace(UTF8, "-Dfile.encoding=US-ASCII") for part in command]
    assert ascii_jvm != command
    process = subprocess.Popen(
        ascii_jvm, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT, env=local_environment()
    )
    ended = finished(process)
    assert ended.code == 2, ended.output
    assert "expected charset UTF-8, found US-ASCII" in ended.output
