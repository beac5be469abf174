"""Seeded sample inputs: a day of orders, the customers behind them, their shipments, with known defects.

Writes DIR/orders/dt=P/*.json.gz, DIR/snowflake/<SCHEMA.TABLE>.parquet, DIR/shipments/dt=P.jsonl.gz and
DIR/truth.json, which says how many of each defect were planted. The same seed and arguments give the same
rows. Does not own: the shapes (DOMAIN rules are written in the contracts of the sources).
"""

import gzip
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
from emr_jobs.core.partition import Partition

# Share of the orders that is planted with each defect; the rejects stay below the 1 % that blocks a day.
REJECT_RATES = {
    "malformed_json": 0.0008,
    "missing_order_id": 0.0004,
    "missing_customer_id": 0.0004,
    "bad_placed_at": 0.0004,
    "placed_outside_partition": 0.0006,
    "unknown_status": 0.0004,
    "bad_currency": 0.0004,
    "no_items": 0.0004,
    "bad_item": 0.0008,
}
OTHER_RATES = {
    "test": 0.005,
    "duplicate": 0.01,
    "unknown_customer": 0.008,
    "untidy": 0.03,  # numbers as text, spaces, more decimals than money has: read, not rejected
    "shipment_without_order": 0.0002,
}

FILES = 4
USD_RATES = {"USD": "1", "EUR": "1.08214500", "GBP": "1.26731200", "JPY": "0.00672100", "CAD": "0.73000369"}
STATUSES = ("paid", "paid", "paid", "paid", "paid", "paid", "pending", "pending", "cancelled", "refunded")
CHANNELS = ("web", "web", "web", "app", "app", "store", None)
PLACES = (
    ("Boston", "MA", "02108", "US"),
    ("Austin", "TX", "73301", "US"),
    ("Portland", "OR", "97201", "US"),
    ("Toronto", "ON", "M5H 2N2", "CA"),
    ("London", None, "EC1A 1BB", "GB"),
    ("Hamburg", "HH", "20095", "DE"),
    ("São Paulo", "SP", "01000-000", "BR"),
    ("Osaka", None, "530-0001", "JP"),
)
PRODUCTS = (
    ("Walnut desk", "furniture", 48900),
    ("Desk lamp", "lighting", 5450),
    ("Espresso machine", "kitchen", 31995),
    ("Coffee grinder", "kitchen", 8990),
    ("Linen sheets", "bedroom", 12900),
    ("Running shoes", "sport", 10999),
    ("Yoga mat", "sport", 3495),
    ("Noise-cancelling headphones", "audio", 24900),
    ("Paperback novel", "books", 1299),
    ("Cast-iron pan", "kitchen", 4750),
)
CARRIERS = (("UPS", "ground"), ("FedEx", "express"), ("DHL", "standard"), ("USPS", "priority"))
SEGMENTS = ("consumer", "consumer", "consumer", "business", "vip", None)
FIRST = ("Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Frances", "Ken", "Radia", "Tim")
LAST = ("Lovelace", "Hopper", "Turing", "Dijkstra", "Liskov", "Knuth", "Allen", "Thompson", "Perlman", "Lee")

Json = dict[str, Any]


ROWS = 20_000
SEED = 7


def generate(folder: Path, *, partition: Partition, rows: int = ROWS, seed: int = SEED) -> Json:
    """Write the inputs of one partition, other partitions in the folder stay; returns what truth.json says."""
    orders = rows
    rng = random.Random(f"{seed} {partition} {orders}")  # noqa: S311  # sample data
    planted = {name: int(rate * orders) for name, rate in (REJECT_RATES | OTHER_RATES).items()}
    customers = max(orders // 4, 5)
    days_orders = [_order(rng, number, partition, customers) for number in range(orders)]
    shipments = _shipments(rng, days_orders, partition, strays=planted["shipment_without_order"])
    lines = _with_defects(rng, days_orders, partition, planted)
    _write_orders(folder, partition, lines)
    _write_gzip(folder / "shipments" / f"dt={partition}.jsonl.gz", [orjson.dumps(each) for each in shipments])
    _write_snowflake(rng, folder / "snowflake", partition, customers)
    truth = {
        "partition": str(partition),
        "seed": seed,
        "orders": orders,
        "lines": len(lines),
        "customers": customers,
        "shipments": len(shipments),
        "planted": planted,
    }
    (folder / "truth.json").write_bytes(orjson.dumps(truth, option=orjson.OPT_INDENT_2))
    return truth


def _instant(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _order(rng: random.Random, number: int, partition: Partition, customers: int) -> Json:
    placed_at = partition.start + (partition.end - partition.start) * rng.random()
    city, region, postal_code, country = rng.choice(PLACES)
    items = [_item(rng, line_no) for line_no in range(1, rng.choice((1, 1, 2, 3, 5)) + 1)]
    status = rng.choice(STATUSES)
    net = sum((Decimal(item["unit_price"]) * item["quantity"] - Decimal(item["discount"]) for item in items), Decimal())
    return {
        "order_id": f"O-{partition.date:%y%m%d}-{number:07d}",
        "customer_id": f"C-{rng.randrange(customers):07d}",
        "placed_at": _instant(placed_at),
        "updated_at": _instant(placed_at + timedelta(minutes=rng.randrange(600))),
        "status": status,
        "currency": rng.choice(("USD", "USD", "USD", "EUR", "GBP", "JPY", "CAD")),
        "channel": rng.choice(CHANNELS),
        "shipping_address": {
            "line1": f"{rng.randrange(1, 400)} Main Street",
            "city": city,
            "region": region,
            "postal_code": postal_code,
            "country": country,
        },
        "items": [
            item | {"unit_price": float(item["unit_price"]), "discount": float(item["discount"])} for item in items
        ],
        "payments": _payments(rng, status, net, placed_at),
        "tags": rng.sample(("gift", "priority", "first-order", "wholesale"), rng.choice((0, 0, 1, 2))),
    }


def _item(rng: random.Random, line_no: int) -> Json:
    name, category, cents = rng.choice(PRODUCTS)
    quantity = rng.choice((1, 1, 1, 2, 3, 10))
    price = Decimal(cents) / 100
    discount = (price * quantity * rng.choice((0, 0, 0, 5, 10)) / 100).quantize(Decimal("0.01"))
    return {
        "line_no": line_no,
        "sku": f"SKU-{PRODUCTS.index((name, category, cents)):04d}",
        "name": name,
        "category": category,
        "quantity": quantity,
        "unit_price": str(price),
        "discount": str(discount),
    }


def _payments(rng: random.Random, status: str, net: Decimal, placed_at: datetime) -> list[Json]:
    if status == "pending":
        return []
    paid_at = _instant(placed_at + timedelta(minutes=2))
    if rng.random() < 0.05:
        net = (net / 2).quantize(Decimal("0.01"))
    if rng.random() < 0.1:
        half = (net / 2).quantize(Decimal("0.01"))
        amounts = [("card", half), ("voucher", net - half)]
    else:
        amounts = [("card", net)]
    return [{"method": method, "amount": float(amount), "paid_at": paid_at} for method, amount in amounts]


def _shipments(rng: random.Random, orders: list[Json], partition: Partition, *, strays: int) -> list[Json]:
    shipments: list[Json] = []
    for order in orders:
        if order["status"] in ("paid", "refunded") and rng.random() < 0.85:
            for _ in range(rng.choice((1, 1, 1, 1, 2))):
                shipments.append(_shipment(rng, len(shipments), order["order_id"], order["placed_at"], partition))
    for number in range(strays):
        ordered_at = _instant(partition.start + (partition.end - partition.start) * rng.random())
        shipments.append(_shipment(rng, len(shipments), f"O-elsewhere-{number}", ordered_at, partition))
    return sorted(shipments, key=lambda shipment: (shipment["ordered_at"], shipment["shipment_id"]))


def _shipment(rng: random.Random, number: int, order_id: str, ordered_at: str, partition: Partition) -> Json:
    carrier, service = rng.choice(CARRIERS)
    ordered = datetime.fromisoformat(ordered_at)
    picked = ordered + timedelta(minutes=rng.randrange(20, 600))
    shipped = ordered + timedelta(minutes=rng.randrange(60, 1200)) if rng.random() < 0.9 else None
    delivered = shipped + timedelta(hours=rng.randrange(2, 30)) if shipped and rng.random() < 0.4 else None
    events = [{"code": "picked", "at": _instant(picked), "location": "warehouse"}]
    if shipped:
        events.append({"code": "in_transit", "at": _instant(shipped), "location": "hub"})
    if delivered:
        events.append({"code": "delivered", "at": _instant(delivered), "location": "door"})
    elif rng.random() < 0.03:
        at = _instant((shipped or picked) + timedelta(hours=1))
        events.append({"code": rng.choice(("exception", "returned")), "at": at, "location": "hub"})
    return {
        "shipment_id": f"S-{partition.date:%y%m%d}-{number:07d}",
        "order_id": order_id,
        "ordered_at": ordered_at,
        "carrier": carrier,
        "service": service,
        "shipped_at": shipped and _instant(shipped),
        "promised_at": _instant(ordered + timedelta(hours=rng.choice((12, 24, 48, 72)))),
        "delivered_at": delivered and _instant(delivered),
        "cost": {"amount": rng.randrange(350, 4500) / 100, "currency": rng.choice(("USD", "EUR", "CAD"))},
        "events": events,
    }


def _with_defects(rng: random.Random, orders: list[Json], partition: Partition, planted: dict[str, int]) -> list[bytes]:
    """Every reject and test order replaces nothing: it is added, so the good orders stay countable."""
    untouched = [dict(order) for order in rng.sample(orders, planted["unknown_customer"] + planted["untidy"])]
    positions = {order["order_id"]: number for number, order in enumerate(orders)}
    for number, order in enumerate(untouched):
        if number < planted["unknown_customer"]:
            order["customer_id"] = f"C-gone-{number}"
        else:
            _make_untidy(order)
        orders[positions[order["order_id"]]] = order
    lines = [orjson.dumps(order) for order in orders]
    breakers = _breakers(rng, partition)
    for reason in REJECT_RATES:
        for number in range(planted[reason]):
            order = dict(rng.choice(orders)) | {"order_id": f"O-bad-{reason}-{number}"}
            lines.append(breakers[reason](order))
    for number in range(planted["test"]):
        lines.append(orjson.dumps(dict(rng.choice(orders)) | {"order_id": f"O-test-{number}", "status": "test"}))
    for order in rng.sample(orders, planted["duplicate"]):
        earlier = datetime.fromisoformat(order["updated_at"]) - timedelta(days=1)
        lines.append(orjson.dumps(order | {"updated_at": _instant(earlier), "channel": "stale"}))
    rng.shuffle(lines)
    return lines


def _make_untidy(order: Json) -> None:
    item = order["items"][0]
    order["items"] = [
        item
        | {"quantity": f" {item['quantity']} ", "unit_price": f"{item['unit_price']:.4f}", "sku": f" {item['sku']}"},
        *order["items"][1:],
    ]
    order["channel"] = f" {order['channel'] or ''} "
    order["placed_at"] = order["placed_at"].replace("Z", "123+00:00")
    order["tags"] = None


def _breakers(rng: random.Random, partition: Partition) -> dict[str, Callable[[Json], bytes]]:
    day_before = _instant(partition.start - timedelta(hours=1))

    def changed(**fields: Any) -> Callable[[Json], bytes]:
        return lambda order: orjson.dumps(order | fields)

    def bad_item(order: Json) -> bytes:
        wrong = rng.choice(({"quantity": 0}, {"unit_price": -1}, {"sku": " "}, {"discount": 1e9}, {"line_no": 1.5}))
        return orjson.dumps(order | {"items": [order["items"][0] | wrong]})

    def malformed(order: Json) -> bytes:
        whole = orjson.dumps(order)
        return rng.choice((whole[:-20], whole + whole, b"\xff" + whole[1:], whole.replace(b'"', b"'"), b"[]"))

    return {
        "malformed_json": malformed,
        "missing_order_id": changed(order_id=None),
        "missing_customer_id": changed(customer_id="  "),
        "bad_placed_at": changed(placed_at=str(partition)),
        "placed_outside_partition": changed(placed_at=day_before),
        "unknown_status": changed(status="lost"),
        "bad_currency": changed(currency="usd"),
        "no_items": changed(items=[]),
        "bad_item": bad_item,
    }


def _write_orders(folder: Path, partition: Partition, lines: list[bytes]) -> None:
    day = folder / "orders" / f"dt={partition}"
    for number in range(FILES):
        _write_gzip(day / f"part-{number:02d}.json.gz", lines[number::FILES])


def _write_gzip(path: Path, lines: list[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(b"".join(line + b"\n" for line in lines), compresslevel=3, mtime=0))


def _write_snowflake(rng: random.Random, folder: Path, partition: Partition, customers: int) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    ids = [f"C-{number:07d}" for number in range(customers)]
    names = [f"{rng.choice(FIRST)} {rng.choice(LAST)}" for _ in ids]
    newest = partition.end.replace(tzinfo=None)
    customers_table = {
        "CUSTOMER_ID": pa.array(ids),
        "NAME": pa.array(names),
        "EMAIL": pa.array([f" {name.replace(' ', '.')}{n}@Example.com" for n, name in enumerate(names)]),
        "SEGMENT": pa.array([rng.choice(SEGMENTS) for _ in ids]),
        "COUNTRY": pa.array([rng.choice(PLACES)[3] for _ in ids]),
        "CREATED_AT": pa.array([newest - timedelta(hours=rng.randrange(24 * 400)) for _ in ids], pa.timestamp("us")),
        "IS_DELETED": pa.array([rng.choice((None, False, False)) for _ in ids], pa.bool_()),
    }
    entries = [(rng.choice(ids), rng.randrange(-200, 6000)) for _ in range(customers * 2)]
    ledger = {
        "CUSTOMER_ID": pa.array([customer for customer, _ in entries]),
        "POINTS": pa.array([points for _, points in entries], pa.int64()),
        "RECORDED_AT": pa.array(
            [newest - timedelta(hours=rng.randrange(-12, 9000)) for _ in entries], pa.timestamp("us")
        ),
    }
    path = folder / "FINANCE.FX_RATES.parquet"
    rates = {tuple(row.values()) for row in pq.read_table(path).to_pylist()} if path.exists() else set()  # other days'
    rates |= {
        (partition.date - timedelta(days=days), currency, Decimal(rate).quantize(Decimal("1e-8")))
        for days in range(40)
        for currency, rate in USD_RATES.items()
        if (partition.date - timedelta(days=days)).weekday() < 5 or currency == "USD"
    }
    rate_table = {
        "RATE_DATE": pa.array([day for day, _, _ in sorted(rates)], pa.date32()),
        "CURRENCY": pa.array([currency for _, currency, _ in sorted(rates)]),
        "USD_RATE": pa.array([rate for _, _, rate in sorted(rates)], pa.decimal128(18, 8)),
    }
    for name, columns in (
        ("CRM.CUSTOMERS", customers_table),
        ("CRM.LOYALTY_LEDGER", ledger),
        ("FINANCE.FX_RATES", rate_table),
    ):
        pq.write_table(pa.table(columns), folder / f"{name}.parquet")
