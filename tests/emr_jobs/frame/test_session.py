"""What a job needs of the JVM it runs in."""

import subprocess

from emr_jobs.core.settings import Aws, load
from emr_jobs.frame.session import session_conf
from local_stack import jars
from pipeline_assets.command import UTF8, job_arguments, local_environment, local_submit
from pipeline_assets.home import ROOT, deployment_settings
from tests.domains import LIBRARY, LOCAL
from tests.running import finished


def test_executors_and_their_python_know_the_region() -> None:
    aws = Aws(region="eu-west-1")
    conf = session_conf(deployment_settings().model_copy(update={"aws": aws}))
    assert {name: value for name, value in conf.items() if "executorEnv" in name} == {
        "spark.executorEnv.AWS_REGION": "eu-west-1",
        "spark.executorEnv.AWS_DEFAULT_REGION": "eu-west-1",
    }


def test_a_jvm_that_reads_ascii_is_refused(processes: None) -> None:
    job = LIBRARY.job("extract_members")
    arguments = job_arguments(
        job, partition=("--partition", "2026-11-21"), settings=str(LOCAL), run_id="ascii", attempt="0"
    )
    spark = load(str(LOCAL)).spark.model_copy(update={"jars": str(jars.folder("spark"))})
    command = local_submit(job.script, arguments, spark)
    ascii_jvm = [part.replace(UTF8, "-Dfile.encoding=US-ASCII") for part in command]
    assert ascii_jvm != command
    process = subprocess.Popen(
        ascii_jvm, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT, env=local_environment()
    )
    ended = finished(process)
    assert ended.code == 2, ended.output
    assert "expected charset UTF-8, found US-ASCII" in ended.output
