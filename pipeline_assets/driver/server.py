"""The Spark application in which the jobs of a run run, each as a process with a session of its own.

    spark-submit pipeline_assets/driver/server.py FOLDER SETTINGS

A job is asked for over FOLDER/socket: its arguments as a line of JSON, and with them where stdout and stderr go. It is
forked from here, so that everything is imported, joins the JVM as a notebook joins its cluster's, and is otherwise the
program that it is on EMR: the answer is its exit code. Who asked and hangs up has it killed and its Spark jobs
cancelled. When the JVM goes, so does everything here, and whoever waits for an answer finds the line closed: a job that
fails is answered for only once Spark has shown that it is there.

This process itself only forks: a connection to the JVM that two processes share would be garbled by both. What starts
Spark and cancels is the first fork (`_keep`). Does not own: when it starts and ends (running).
"""

import json
import os
import selectors
import signal
import socket
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, NoReturn

from emr_jobs.catalog import RUN_JOB
from emr_jobs.core.errors import Misconfigured
from emr_jobs.core.jvm import java_class

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SOCKET = "socket"
NOT_STARTED = None  # the answer for a job that no process could be made for
_FORK = get_context("fork")
_REQUEST_S = 10  # it is sent at once
_SPARK_S = 60  # for a word from Spark, which may be collecting garbage
_REQUEST_SIZE = 2**16


class _SparkIsGone(Exception):
    pass


def main(folder: Path, settings_uri: str) -> NoReturn:
    ours, keepers = _FORK.Pipe()
    keeper = _FORK.Process(target=_keep, args=(keepers, ours, settings_uri, folder.parent.name), daemon=True)
    keeper.start()
    keepers.close()
    _import_what_jobs_need(settings_uri)
    try:
        ours.recv()  # until there is a Spark application
    except EOFError:
        keeper.join()
        sys.exit(keeper.exitcode)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "unheard"))
        listener.listen()
        (folder / "unheard").rename(folder / SOCKET)  # whoever finds it is heard
        _Server(listener, keeper, ours).serve()
    sys.exit(1)


def _keep(commands: Connection, servers_end: Connection, settings_uri: str, name: str) -> None:
    """Start Spark, say so, and cancel the groups of jobs that are named; each time Spark is there, say that."""
    from emr_jobs.core.settings import of_this_process
    from emr_jobs.frame import session

    servers_end.close()
    _end_with_the_server()
    try:
        spark = session.start(of_this_process(settings_uri), name=name)
    except Misconfigured as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)  # noqa: T201
        sys.exit(2)
    commands.send(spark.sparkContext.applicationId)
    with suppress(EOFError):
        while True:
            spark.sparkContext._jsc.sc().cancelJobGroupAndFutureJobs(commands.recv())  # raises once it is stopped
            commands.send(None)


def _end_with_the_server() -> None:
    """However that ends: nobody else would end this process."""
    server = parent_process()
    assert server is not None, "forked"

    def wait() -> None:
        server.join()
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=wait, daemon=True).start()


def _import_what_jobs_need(settings_uri: str) -> None:
    """Once, while Spark starts. A domain that cannot be imported is for its jobs to say."""
    import boto3  # noqa: F401
    import opensearchpy  # noqa: F401
    import pyspark.sql.functions  # noqa: F401
    from emr_jobs import job  # noqa: F401
    from emr_jobs.core.settings import load
    from emr_jobs.domain import domain_of

    with suppress(Exception):
        for each in domain_of(load(settings_uri)).jobs:
            resolve_name(str(each.body))


@dataclass(frozen=True)
class _Asked:
    asker: socket.socket
    process: ForkProcess
    group: str  # of its Spark jobs


class _Server:
    def __init__(self, listener: socket.socket, keeper: ForkProcess, commands: Connection) -> None:
        self._listener = listener
        self._keeper = keeper
        self._commands = commands
        self._count = 0
        self._selector = selectors.DefaultSelector()

    def serve(self) -> None:
        """Until the JVM is gone, which holds the other end of stdin, or the process that started Spark."""
        over = (sys.stdin.fileno(), self._keeper.sentinel)
        for each in over:
            self._selector.register(each, selectors.EVENT_READ)
        self._selector.register(self._listener, selectors.EVENT_READ)
        with suppress(_SparkIsGone):
            while True:
                for key, _ in self._selector.select():
                    if key.fd in over:
                        return
                    if isinstance(key.data, _Asked):
                        self._answer(key.data)
                    else:
                        self._start()

    def _start(self) -> None:
        asker, _ = self._listener.accept()
        try:
            arguments, output = _request(asker)
        except (OSError, ValueError):  # who asks for nothing is not answered
            asker.close()
            return
        self._count += 1
        group = f"job {self._count}"
        process = _FORK.Process(target=_run_job, args=(arguments, output, group), daemon=True)
        try:
            process.start()
        except OSError as error:  # no memory, or no process more
            print(f"a job is not started: {error}", file=sys.stderr, flush=True)  # noqa: T201
            _hang_up(asker, NOT_STARTED)
            return
        finally:
            for each in output:
                os.close(each)
        asked = _Asked(asker, process, group)
        self._selector.register(asker, selectors.EVENT_READ, asked)  # nothing comes but the end
        self._selector.register(process.sentinel, selectors.EVENT_READ, asked)

    def _answer(self, asked: _Asked) -> None:
        """Its process has ended, or whoever asked for it has gone."""
        if asked.process.sentinel not in self._selector.get_map():
            return  # both at once
        self._selector.unregister(asked.asker)
        self._selector.unregister(asked.process.sentinel)
        if asked.process.is_alive():
            asked.process.kill()
        asked.process.join()
        if asked.process.exitcode != 0:
            self._cancel(asked.group)
        _hang_up(asked.asker, asked.process.exitcode)

    def _cancel(self, group: str) -> None:
        """Raises _SparkIsGone: then nobody is to blame for how jobs end."""
        try:
            self._commands.send(group)
            if self._commands.poll(_SPARK_S):
                self._commands.recv()
                return
        except (EOFError, OSError):
            pass
        raise _SparkIsGone


def _hang_up(asker: socket.socket, answer: int | None) -> None:
    with asker, suppress(OSError):
        asker.sendall(json.dumps(answer).encode() + b"\n")
        asker.shutdown(socket.SHUT_RDWR)  # also of the copies in jobs that were forked meanwhile


def _request(asker: socket.socket) -> tuple[list[str], list[int]]:
    asker.settimeout(_REQUEST_S)
    said, output, _, _ = socket.recv_fds(asker, _REQUEST_SIZE, 2)
    while not said.endswith(b"\n"):
        more = asker.recv(_REQUEST_SIZE)
        if not more:
            raise ValueError("hung up")
        said += more
    return json.loads(said), output


def _run_job(arguments: list[str], output: list[int], group: str) -> None:
    from emr_jobs.job import main, parser

    _end_with_the_server()
    for descriptor, its_own in zip(output, (sys.stdout, sys.stderr), strict=True):
        os.dup2(descriptor, its_own.fileno())
        os.close(descriptor)
    sys.argv = [RUN_JOB, *arguments]  # Pipes looks there
    main(parser(RUN_JOB).parse_args(arguments), spark=_joined(group, " ".join(arguments[:3])))


def _joined(group: str, description: str) -> "SparkSession":
    """A session of this process's own in the JVM that is there."""
    from pyspark import SparkConf, SparkContext
    from pyspark.java_gateway import launch_gateway
    from pyspark.sql import SparkSession

    gateway = launch_gateway()  # joins, by what spark-submit has put into the environment
    jvm = gateway.jvm
    spark_context = java_class(jvm, "org.apache.spark.SparkContext").getOrCreate()
    running = java_class(jvm, "org.apache.spark.api.java.JavaSparkContext")(spark_context)
    conf = SparkConf(_jvm=jvm, _jconf=running.getConf())
    context = SparkContext(jsc=running, gateway=gateway, conf=conf)
    own = java_class(jvm, "org.apache.spark.sql.classic.SparkSession").builder().getOrCreate().newSession()
    context.setJobGroup(group, description)
    return SparkSession(context, own)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
