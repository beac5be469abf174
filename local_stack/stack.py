"""The local stack as one background process: up, down, status.

`up` starts a supervisor in a session of its own and returns when all services answer. Until then the supervisor
watches a pipe from `up` and stops when it closes, so that Ctrl-C during the start leaves nothing; afterwards it
lives until `down`. Services are threads of the supervisor, OpenSearch a child tied to it: a kill -9 takes
everything along. `load` asks it, at an address that only its home names, to serve the data folder as it is now.
"""

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import psutil
import requests
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from local_stack.sample import generate, local_domain
from local_stack.services import Running, services
from local_stack.serving import serving
from pipeline_assets.home import lock_file, stack_is_running

STOP_TIMEOUT_S = 30
LOAD_TIMEOUT_S = 300


class StackError(Exception):
    """Says what to do."""


@dataclass(frozen=True)
class Addresses:
    settings: str
    data: str
    opensearch: str
    connections: dict[str, str]  # by name, of those that are served
    aws: str | None  # None: no local AWS
    pid: int
    control: str  # where `load` asks


@dataclass(frozen=True)
class Sample:
    """Inputs to be written before they are served."""

    partition: str
    rows: int


@dataclass(frozen=True)
class Order:
    """What the supervisor is told on its command line, as JSON."""

    home: str
    data: str
    aws: bool
    yarn: bool
    sample: Sample | None

    @classmethod
    def parse(cls, text: str) -> "Order":
        values = json.loads(text)
        return cls(**{**values, "sample": values["sample"] and Sample(**values["sample"])})


def up(
    home: Path,
    data: Path,
    *,
    sample: Sample | None = None,
    aws: bool = False,
    yarn: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> Addresses:
    """Start the stack, with `aws` on the local AWS; returns when all services answer.

    Raises StackError when it runs already or does not come up.
    """
    if stack_is_running(home):
        raise StackError(f"the stack runs already (pid {_pid(home)}). Stop it first: pipeline stack down")
    home.mkdir(parents=True, exist_ok=True)
    log = home / "stack.log"
    with log.open("w") as errors:
        supervisor = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "local_stack.stack",
                json.dumps(asdict(Order(str(home), str(data), aws, yarn, sample))),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
            text=True,
        )
    assert supervisor.stdin is not None
    assert supervisor.stdout is not None
    try:
        for line in supervisor.stdout:
            event = json.loads(line)
            if "ready" in event:
                supervisor.stdin.write("keep\n")
                supervisor.stdin.close()
                return Addresses(**event["ready"])
            progress(event["starting"])
    finally:
        supervisor.stdin.close()  # without "keep" the supervisor stops
    supervisor.wait()
    said = [line for line in log.read_text().splitlines() if line]
    raise StackError(f"the stack did not start: {said[-1] if said else 'nobody says why'}\nmore of it: {log}")


def down(home: Path) -> bool:
    """Stop the stack; False when none was running. Returns when nothing of it runs any more."""
    if not stack_is_running(home):
        return False
    supervisor = psutil.Process(_pid(home))
    supervisor.terminate()
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while stack_is_running(home):  # the kernel lets go of its lock when it has ended
        if time.monotonic() > deadline:
            supervisor.kill()
        time.sleep(0.02)
    return True


def status(home: Path) -> Addresses | None:
    """Where the services are, or None when no stack runs."""
    if not stack_is_running(home):
        return None
    return Addresses(**json.loads((home / "stack.json").read_text()))


def load(home: Path) -> Addresses:
    """Have the running stack serve what its data folder holds now.

    Raises StackError when none runs or a source cannot be served; that one then answers as before.
    """
    running = status(home)
    if running is None:
        raise StackError("no stack is running. Start it: pipeline stack up")
    answer = requests.post(f"{running.control}/load", timeout=LOAD_TIMEOUT_S)
    if not answer.ok:
        raise StackError(f"{running.data} is not served as it is now: {answer.text}")
    return running


def _pid(home: Path) -> int:
    return int(lock_file(home).read_text())


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    with lock_file(home).open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _supervise(order: Order) -> None:
    home, data = Path(order.home), Path(order.data)

    def prepare() -> None:
        if order.sample is not None:
            partition = local_domain().calendar.partition(order.sample.partition)
            generate(data, partition=partition, rows=order.sample.rows)

    def stop(*_: Any) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches us through the pipe
    threading.Thread(target=_stop_with_starter, args=(sys.stdin,), daemon=True).start()

    def progress(name: str) -> None:
        _tell({"starting": name})

    with (
        _locked(home),
        services(home, data, prepare=prepare, progress=progress, aws=order.aws, yarn=order.yarn) as running,
        serving(_control(running)) as control,
    ):
        addresses = Addresses(
            settings=str(running.settings_file),
            data=str(data),
            opensearch=running.opensearch,
            connections=running.connections,
            aws=running.aws,
            pid=os.getpid(),
            control=control,
        )
        (home / "stack.json").write_text(json.dumps(asdict(addresses)))
        _tell({"ready": asdict(addresses)})
        threading.Event().wait()


def _control(running: Running) -> Starlette:
    def load(_: Request) -> Response:
        try:
            running.load()
        except (FileNotFoundError, ValueError) as error:
            return PlainTextResponse(str(error), status_code=409)
        return Response(status_code=204)

    return Starlette(routes=[Route("/load", load, methods=["POST"])])


def _tell(event: dict[str, Any]) -> None:
    try:
        print(json.dumps(event), flush=True)  # noqa: T201  # the protocol with `up`
    except BrokenPipeError:
        raise SystemExit(1) from None


def _stop_with_starter(starter: IO[str]) -> None:
    if starter.readline() != "keep\n":
        os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    try:
        _supervise(Order.parse(sys.argv[1]))
    except SystemExit:
        os._exit(0)  # all services are down; DuckDB's own teardown would take three seconds more
