"""What a fast test may not do, and whose doing it is."""

import socket
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from tests.tiers import guard

pytestmark = pytest.mark.usefixtures("processes")  # nothing else watches these


def opened() -> None:
    socket.socket().close()


def started() -> None:
    subprocess.run([sys.executable, "-c", ""], check=True)


@pytest.mark.parametrize(
    ("do", "said"), [(opened, "opened an internet socket"), (started, r"started a process \(subprocess.Popen")]
)
def test_what_leaves_the_process_is_refused(do: Callable[[], None], said: str) -> None:
    with guard.watching() as heard, pytest.raises(RuntimeError, match=f"^a fast test {said}"):
        do()
    assert len(heard) == 1
    do()


def test_what_a_thread_of_the_test_does_is_heard_and_what_one_of_before_does_is_not() -> None:
    go = threading.Event()

    def later() -> None:
        go.wait()
        opened()

    def caught() -> None:
        with pytest.raises(RuntimeError):
            opened()

    before, own = threading.Thread(target=later), threading.Thread(target=caught)
    before.start()
    with guard.watching() as heard:
        go.set()
        before.join()
        assert heard == []
        own.start()
        own.join()
    assert heard == ["opened an internet socket"]
