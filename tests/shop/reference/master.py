"""The business rules: order_facts, daily_sales and the search documents."""

from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

from tests.shop.reference.orders import NEW_YORK, day_of
from tests.shop.reference.reading import CENT, amount

Row = dict[str, Any]
ZERO = amount("0") or Decimal("0.00")


def by(rows: list[Row], key: str) -> dict[Any, list[Row]]:
    found = defaultdict(list)
    for row in rows:
        found[row[key]].append(row)
    return found


def rounded(value: Decimal, step: Decimal = CENT) -> Decimal:
    return value.quantize(step, ROUND_HALF_UP) + 0  # which makes -0.00 plain zero


def order_facts(inputs: dict[str, list[Row]], partition: date) -> list[Row]:
    rates = {row["currency"]: row["usd_rate"] for row in inputs["intermediate.fx_rates"]}
    customers = {row["customer_id"]: row for row in inputs["intermediate.customers"]}
    items = by(inputs["intermediate.order_items"], "order_id")
    shipments = by(inputs["intermediate.shipments"], "order_id")
    as_of = datetime.combine(partition + timedelta(days=1), time(8), NEW_YORK).astimezone(UTC)
    return [
        {
            **{name: order[name] for name in COPIED},
            **amounts(order, items[order["order_id"]], rates),
            **customer_columns(customers.get(order["customer_id"]), partition),
            **shipping(order, shipments[order["order_id"]], rates, as_of),
        }
        for order in inputs["intermediate.orders"]
    ]


COPIED = (
    *("partition_date", "order_id", "customer_id", "placed_at", "status", "currency", "channel"),
    *("shipping_country", "shipping_region", "shipping_city", "tags", "paid_amount"),
)


def amounts(order: Row, items: list[Row], rates: dict[str, Decimal]) -> Row:
    gross = sum((item["line_gross"] for item in items), ZERO)
    discount = sum((item["discount"] for item in items), ZERO)
    net, paid = gross - discount, order["paid_amount"]
    if order["status"] == "refunded":
        payment = "refunded"
    elif paid == 0:
        payment = "unpaid"
    else:
        payment = "partial" if paid < net else "paid" if paid == net else "overpaid"
    return {
        "item_count": len(items),
        "units": sum(item["quantity"] for item in items),
        "gross_amount": gross,
        "discount_amount": discount,
        "net_amount": net,
        "net_amount_usd": rounded(net * rates[order["currency"]]),
        "payment_status": payment,
    }


def customer_columns(customer: Row | None, partition: date) -> Row:
    if customer is None:
        names = ("name", "segment", "country")
        return {**{f"customer_{name}": None for name in names}, **dict.fromkeys(LOYALTY)}
    points, created = customer["loyalty_points"], customer["created_at"]
    tier = "bronze" if points < 1000 else "silver" if points < 5000 else "gold" if points < 20000 else "platinum"
    return {
        **{f"customer_{name}": customer[name] for name in ("name", "segment", "country")},
        "loyalty_points": points,
        "loyalty_tier": tier,
        "is_new_customer": None if created is None else day_of(created) == partition,
    }


LOYALTY = ("loyalty_points", "loyalty_tier", "is_new_customer")


def shipping(order: Row, shipments: list[Row], rates: dict[str, Decimal], as_of: datetime) -> Row:
    shipped = min((each["shipped_at"] for each in shipments if each["shipped_at"]), default=None)
    promised = max((each["promised_at"] for each in shipments if each["promised_at"]), default=None)
    all_delivered = bool(shipments) and all(each["delivered_at"] for each in shipments)
    delivered = max(each["delivered_at"] for each in shipments) if all_delivered else None
    if shipped is None:
        status = "not_shipped"
    elif any(each["last_event_code"] in ("exception", "returned") for each in shipments):
        status = "exception"
    else:
        status = "delivered" if all_delivered else "in_transit"
    costs = [rounded(s["cost_amount"] * rates[s["cost_currency"]]) for s in shipments if s["cost_amount"] is not None]
    return {
        "shipment_count": len(shipments),
        "shipped_at": shipped,
        "promised_at": promised,
        "delivered_at": delivered,
        "delivery_status": status,
        "is_late": None if promised is None else (delivered or as_of) > promised,
        "hours_to_ship": shipped and hours(shipped - order["placed_at"]),
        "shipping_cost_usd": sum(costs, ZERO),
    }


def hours(span: timedelta) -> Decimal:
    with localcontext(prec=60):
        return rounded(Decimal(span // timedelta(microseconds=1)) / Decimal(3_600_000_000))


def daily_sales(facts: list[Row]) -> list[Row]:
    groups = defaultdict(list)
    for fact in facts:
        if fact["status"] in ("pending", "paid"):
            key = tuple(fact[name] or "unknown" for name in ("shipping_country", "customer_segment", "channel"))
            groups[(fact["partition_date"], *key)].append(fact)
    return [sales(key, members) for key, members in groups.items()]


def sales(key: tuple[Any, ...], facts: list[Row]) -> Row:
    net = sum((fact["net_amount_usd"] for fact in facts), ZERO)
    late = sum(fact["is_late"] is True for fact in facts)
    with localcontext(prec=60):
        average, share = net / len(facts), Decimal(late) / len(facts)
    return {
        **dict(zip(("partition_date", "shipping_country", "customer_segment", "channel"), key, strict=True)),
        "orders": len(facts),
        "customers": len({fact["customer_id"] for fact in facts}),
        "units": sum(fact["units"] for fact in facts),
        "net_amount_usd": net,
        "average_order_value_usd": rounded(average),
        "late_orders": late,
        "late_share": rounded(share, Decimal("0.0001")),
    }


DOCUMENT = (
    *("order_id", "status", "currency", "channel", "tags", "customer_id", "customer_segment", "customer_country"),
    *("loyalty_tier", "shipping_country", "shipping_region", "payment_status", "delivery_status", "partition_date"),
    *("placed_at", "shipped_at", "promised_at", "delivered_at", "customer_name", "shipping_city", "is_late", "units"),
    *("net_amount", "net_amount_usd"),
)
ITEM = ("line_no", "quantity", "sku", "category", "name", "unit_price", "line_net")


def documents(facts: list[Row], items: list[Row]) -> list[Row]:
    """As JSON holds them; numbers stay exact."""
    lines = by(items, "order_id")
    return [
        {
            **present(fact, DOCUMENT),
            "items": [present(each, ITEM) for each in sorted(lines[fact["order_id"]], key=lambda row: row["line_no"])],
        }
        for fact in facts
    ]


def present(row: Row, names: tuple[str, ...]) -> Row:
    return {name: written(row[name]) for name in names if row[name] is not None}


def written(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return value.isoformat() if isinstance(value, date) else value
