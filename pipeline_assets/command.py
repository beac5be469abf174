"""The command line of a job: the same arguments in every launcher, and the spark-submit of a local run."""

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from uuid import uuid4

from emr_jobs.catalog import Job
from emr_jobs.core.settings import Aws, Spark

from pipeline_assets.home import ROOT, cache
from pipeline_assets.shipping.package import Shipped

# Java 17 takes the locale's, which in a YARN container is ASCII, and Spark 4.1 reads a variant's text with it:
# "São Paulo" became "S??o Paulo".
UTF8 = "-Dfile.encoding=UTF-8"
_SCRATCH = "pipeline-spark-"


def job_arguments(
    job: Job,
    *,
    partition: tuple[str, str],
    settings: str,
    run_id: str,
    attempt: str,
    allow_empty: bool | str = False,
    reports: Sequence[str] = (),
) -> list[str]:
    """What follows the script on the command line.

    `partition` is --partition or --scheduled-time with its value, `allow_empty` also what a state machine makes yes or
    no of, `reports` says where what is reported goes.
    """
    arguments = [job.name, *partition, "--settings", settings, "--run-id", run_id, "--attempt", attempt]
    if allow_empty:
        arguments += ["--allow-empty", "yes" if allow_empty is True else allow_empty]
    return [*arguments, *reports]


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """What a local program spills lies here, readable by nobody else, and is gone afterwards."""
    with TemporaryDirectory(prefix=_SCRATCH, dir=_scratches(), ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextmanager
def scratch_folder_of(run: str) -> Iterator[Path]:
    """The same under a name that all processes of a run know."""
    folder = scratch_path(run)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def scratch_path(run: str) -> Path:
    """Short: a socket in it has some hundred characters for its path."""
    return _scratches() / f"{_SCRATCH}{run.replace('-', '')[:12]}"


def _scratches() -> Path:
    return Path(os.environ.get("SPARK_LOCAL_DIRS", "").split(",")[0] or gettempdir())


def local_submit(script: str, arguments: Sequence[str], spark: Spark, scratch: Path | None = None) -> list[str]:
    """spark-submit on this machine. Jars stand on the class path: the archive of classes only knows that one.

    Each has an application id of its own: Spark makes it of the millisecond, and two that start in one are not told
    apart by their event logs.
    `scratch`: for the JVM's own temporary files; local_environment takes the same.
    """
    options = [UTF8, *spark.jvm_options]
    if scratch is not None:
        options.append(f'"-Djava.io.tmpdir={scratch}"')
    if spark.class_archive and Path(spark.class_archive).exists():
        options.append(f'"-XX:SharedArchiveFile={spark.class_archive}"')  # Spark splits at spaces
    command = [f"{spark_home()}/bin/spark-submit", "--master", spark.master or "local[*]"]
    command += ["--driver-memory", spark.driver_memory]
    command += ["--conf", "spark.ui.enabled=false", "--conf", "spark.log.level=WARN"]
    command += ["--conf", f"spark.test.appId=local-{uuid4().hex}"]
    command += ["--conf", f"spark.driver.extraJavaOptions={' '.join(options)}"]
    if spark.jars:
        command += ["--driver-class-path", f"{spark.jars}/*"]
    return [*command, str(ROOT / script), *arguments]


def emr_submit(job: Job, arguments: Sequence[str], shipped: Shipped, aws: Aws) -> list[str]:
    """spark-submit as a step's arguments. Both archives are unpacked into the folder that driver and executors run in.

    Our code is an archive as well, not --py-files: its contracts and SQL are files, and Python compiles what it
    imports from a zip every time. The region is in the driver's environment because a job's first calls of AWS, to read
    the settings and to record, are made before it knows them; session hands it on to the executors.
    """
    path = "./code:./deps"
    command = ["spark-submit", "--deploy-mode", "cluster", "--name", job.name]
    command += ["--archives", f"{shipped.code}#code,{shipped.dependencies}#deps"]
    command += ["--driver-memory", f"{job.driver_memory_mb}m"]
    command += ["--executor-memory", f"{job.executor_memory_mb}m", "--executor-cores", str(job.executor_cores)]
    conf = {
        "spark.driver.memoryOverhead": f"{job.driver_overhead_mb}m",
        "spark.executor.memoryOverhead": f"{job.executor_overhead_mb}m",
        "spark.dynamicAllocation.maxExecutors": str(job.max_executors),
        "spark.driver.extraJavaOptions": UTF8,
        "spark.executor.extraJavaOptions": UTF8,
        "spark.yarn.maxAppAttempts": "1",  # who starts the job repeats it, with another attempt number
        "spark.yarn.appMasterEnv.PYTHONPATH": path,
        "spark.executorEnv.PYTHONPATH": path,
        **{f"spark.yarn.appMasterEnv.{name}": value for name, value in aws.region_environment.items()},
    }
    for name, value in conf.items():
        command += ["--conf", f"{name}={value}"]
    return [*command, shipped.script(job.script), *arguments]


def local_environment(scratch: Path | None = None) -> dict[str, str]:
    """This process's environment with the interpreter, the address and the folder that a local run needs."""
    changes = {
        "SPARK_HOME": str(spark_home()),
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYTHONUNBUFFERED": "1",
    }
    # Spark's shuffles and spills, S3A's and Python's: by default in the system's folder, readable by everybody.
    spilled = dict.fromkeys(("SPARK_LOCAL_DIRS", "LOCAL_DIRS", "TMPDIR"), str(scratch)) if scratch else {}
    return {**os.environ, **changes, **spilled}


def spark_home() -> Path:
    """A Spark home that is pip's PySpark without its zipped Python.

    Spark puts that zip before everything else on PYTHONPATH, and Python compiles what it imports from a zip every
    time: a job of 11 s takes 16 s with it.
    """
    from importlib.util import find_spec

    found = find_spec("pyspark")
    assert found is not None, "pyspark is a dependency of the project"
    assert found.submodule_search_locations, found
    package = Path(found.submodule_search_locations[0])
    folder = cache() / "spark-home"
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("bin", "jars"):
        link = folder / part
        if not (link.exists() and link.samefile(package / part)):
            link.unlink(missing_ok=True)
            link.symlink_to(package / part)
    return folder
