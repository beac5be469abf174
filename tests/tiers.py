"""Which tier a test is in and which worker runs it, both read from its fixtures.

    fast    nothing outside this process: no other process, no JVM, no port
    spark   the session's one JVM
    stack   services, and processes that the test starts itself (fixture `processes`)
    slow    minutes, or the network

Does not own: the fixtures. Invariant: a fast test that starts a process or opens an internet socket fails. A thread
that was there before it is not its own: py4j's, for one, tells the JVM of earlier tests what was collected.
"""

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

# The fixtures of each tier, and the group of those who share what it starts. A group is one worker's; those that take
# longest begin first. No group: nothing that another test could share. What starts within seconds is shared by the
# tests of a folder only ({folder}), so that several workers can have one.
_SLOW = {
    "yarn_day": "real days",  # each takes both cores
    "produced": "real days",
    "real_worlds": "real days",
    "stub_worlds": "stub worlds",
    "three_sources": "copies",
    "copy_without_the_domain": "copies",
    "package_index": "",
}
_STACK = {
    "_own_day": "own day",
    "published_day": "published",
    "shop_day": "shop day",
    "chromium": "published",
    "_production": "production of {folder}",
    "odd_days": "odd days",
    "_rules_day": "rules day",
    "account": "account",
    "_on_lake": "lake",
    "on_call": "on call",
    "_cloud": "aws of {folder}",
    "stub_world": "stub world",
    "dataset_and_rule": "dataset and rule",
    "processes": "",
}
_SPARK = {"spark": "spark"}
_GROUPS = [*filter(None, dict.fromkeys([*_SLOW.values(), *_STACK.values(), *_SPARK.values()])), ""]

_STARTS = {"subprocess.Popen", "os.system", "os.fork", "os.forkpty", "os.posix_spawn", "os.exec"}
_INTERNET = {socket.AF_INET, socket.AF_INET6}


def pytest_itemcollected(item: pytest.Item) -> None:
    """Before -m and xdist look at the marks."""
    tier, group = placed(item.fixturenames)  # type: ignore[attr-defined]
    item.add_marker(tier)
    if group:
        folder = item.path.parent.relative_to(Path(__file__).parent)
        item.add_marker(pytest.mark.xdist_group(group.format(folder=folder)))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _GROUPS.index(placed(item.fixturenames)[1]))  # type: ignore[attr-defined]


def placed(fixtures: list[str]) -> tuple[str, str]:
    """Tier and group of a test with this closure of fixtures."""
    for tier, known in (("slow", _SLOW), ("stack", _STACK), ("spark", _SPARK)):
        if found := [group for fixture, group in known.items() if fixture in fixtures]:
            return tier, found[0]
    return "fast", ""


def _group(item: pytest.Item) -> str:
    mark = item.get_closest_marker("xdist_group")
    return str(mark.args[0]) if mark else ""


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """What a group has started ends with its last test: a worker has one stack at most."""
    if nextitem is None or _group(item) in ("", _group(nextitem)):
        return
    for name in (*_SLOW, *_STACK, *_SPARK):
        for fixture in item.session._fixturemanager.getfixturedefs(name, item) or ():
            fixture.finish(item._request)  # type: ignore[attr-defined]


class _Guard:
    """Hears what this process does while a fast test runs. An audit hook stays for good: there is one."""

    def __init__(self) -> None:
        self._on = False
        self._others: set[threading.Thread] = set()
        self._said: list[str] = []
        sys.addaudithook(self._hear)

    @contextmanager
    def watching(self) -> Iterator[list[str]]:
        """What was refused meanwhile; also what the code under test has caught."""
        self._said = []
        self._others = {*threading.enumerate()} - {threading.current_thread()}
        self._on = True
        try:
            yield self._said
        finally:
            self._on = False

    def _hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if not self._on or threading.current_thread() in self._others:
            return
        if event in _STARTS:
            self._refuse(f"started a process ({event} {str(arguments[:2])[:200]})")
        if event == "socket.__new__" and arguments[1] in _INTERNET:
            self._refuse("opened an internet socket")

    def _refuse(self, what: str) -> None:
        self._said.append(what)
        raise RuntimeError(f"a fast test {what}")


guard = _Guard()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    yield from _watched(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    yield from _watched(item)


def _watched(item: pytest.Item) -> Iterator[None]:
    if item.get_closest_marker("fast") is None:
        return (yield)
    with guard.watching() as said:
        result = yield
    if said:
        pytest.fail(
            f"a fast test {said[0]}. Ask for a fixture that brings what it needs, or for `processes`: then its tier is "
            "stack",
            pytrace=False,
        )
    return result
