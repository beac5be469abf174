"""One day delivered twice: other rows in every dataset, and settings that read the one or the other.

Does not own: the stack (local_stack.services); the deliveries' own web APIs and databases of Snowflake stand beside
its own.
"""

import gzip
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from emr_jobs.secret_ref import resolve
from local_stack.rest_api import rest_api
from local_stack.snowflake import load
from shop import sample
from tests.running import Day
from tests.shop import SHOP

ORDERS = 100
NAMES = ("a", "b")


@dataclass(frozen=True)
class Delivery:
    name: str
    settings_uri: str


@contextmanager
def two_deliveries(day: Day, folder: Path) -> Iterator[tuple[Delivery, Delivery]]:
    """Of that day, on its stack."""
    auth = day.settings.connections["carrier"].auth
    source = SHOP.contracts["web_api.shipments"]
    with ExitStack() as stack:

        def delivery(name: str, *, seed: int, euro: str) -> Delivery:
            data = folder / name
            with mock.patch.dict(sample.USD_RATES, EUR=euro):
                sample.generate(data, partition=SHOP.calendar.partition(day.partition), rows=ORDERS, seed=seed)
            cut_off = data / "orders" / f"dt={day.partition}" / "part-99.json.gz"
            cut_off.write_bytes(gzip.compress(f'{{"order_id": "{name}'.encode()))  # one reject
            load(data / "snowflake", database=f"SHOP_{name.upper()}")
            api = stack.enter_context(rest_api([source], data, auth, lambda: resolve(auth.token)))
            uri = day.settings_with(
                data,
                connections_export={"uri": str(data)},
                connections_warehouse={"database": f"SHOP_{name.upper()}"},
                connections_carrier={"url": api},
            )
            return Delivery(name, uri)

        yield delivery("a", seed=1, euro="1.08214500"), delivery("b", seed=2, euro="1.09000001")
