"""Servers of local_stack.rest_api, one of a kind for the tests of a file: what takes time is to stop one."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests

from emr_jobs.contracts.model import Contract
from emr_jobs.core.settings import Auth
from local_stack.rest_api import RestApi
from tests.local_stack.rest.client import CURSOR, SECRET, Client, auth, contract, write_loans

Serve = Callable[..., str]
ClientOf = Callable[..., Client]


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_loans(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def _running(processes: None) -> Iterator[tuple[ExitStack, dict[str, str]]]:
    """And their addresses by what they serve."""
    with ExitStack() as stack:
        yield stack, {}


@pytest.fixture
def serve(_running: tuple[ExitStack, dict[str, str]], data: Path) -> Iterator[Serve]:
    """Sources, over the loans or other `data`; with `auth_` its secret is SECRET. Without a fault."""
    stack, addresses = _running

    def serving(*sources: Contract, auth_: Auth | None = None, data: Path = data, **more: Any) -> str:
        kind = repr((sources, auth_, data, more))
        if kind not in addresses:
            api = RestApi(sources, data, auth_ or auth("none"), lambda: SECRET, **more).served()
            addresses[kind] = stack.enter_context(api)
        return addresses[kind]

    yield serving
    for base in addresses.values():
        requests.delete(f"{base}/faults", timeout=10).raise_for_status()


@pytest.fixture
def client_of(serve: Serve) -> ClientOf:
    """Of one source, by its `read`."""

    def client_of(read: dict[str, Any], **more: Any) -> Client:
        source = contract(read)
        return Client.of(serve(source, **more), source)

    return client_of


@pytest.fixture
def cursor(client_of: ClientOf) -> Client:
    return client_of(CURSOR)
