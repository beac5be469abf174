"""The shop's day as somebody would write it without this project: one script, DuckDB, and helpers.bulk.

    python duckdb_day.py ADDRESSES.json

Publishes nothing atomically, keeps no history, checks nothing, and stops at the first thing that is wrong.
"""

import gzip
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from opensearchpy import OpenSearch, helpers
from sources import shipments, snowflake

PARSED = """
CREATE MACRO txt(x) AS nullif(trim(x, ' '), '');
CREATE MACRO num(x) AS try_cast(trim(x, ' ') AS DECIMAL(38, 10));
CREATE MACRO whole(x) AS CASE WHEN num(x) = trunc(num(x)) THEN num(x)::HUGEINT END;
CREATE MACRO amount(x) AS try_cast(round(num(x), 2) AS DECIMAL(18, 2));
CREATE MACRO instant(x) AS CASE
  WHEN regexp_full_match(txt(x), '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?(Z|[+-]\\d\\d:\\d\\d)')
  THEN try_cast(regexp_replace(txt(x), '(\\.\\d{6})\\d+', '\\1') AS TIMESTAMPTZ)
END;
CREATE TABLE parsed AS
SELECT
  row_number() OVER () AS id,
  line,
  CASE WHEN whole AND json_valid(line) THEN json_type(line) = 'OBJECT' ELSE false END AS is_object,
  CASE WHEN is_object THEN from_json(line, '{
    "order_id": "VARCHAR", "customer_id": "VARCHAR", "placed_at": "VARCHAR", "updated_at": "VARCHAR",
    "status": "VARCHAR", "currency": "VARCHAR", "channel": "VARCHAR",
    "shipping_address": {
      "city": "VARCHAR", "region": "VARCHAR", "postal_code": "VARCHAR", "country": "VARCHAR"},
    "items": [{
      "line_no": "VARCHAR", "sku": "VARCHAR", "name": "VARCHAR", "category": "VARCHAR", "quantity": "VARCHAR",
      "unit_price": "VARCHAR", "discount": "VARCHAR"}],
    "payments": [{"amount": "VARCHAR"}],
    "tags": ["VARCHAR"]
  }') END AS v
FROM lines;
CREATE TABLE items AS
SELECT
  id,
  whole(i.line_no) AS line_no,
  txt(i.sku) AS sku,
  txt(i.name) AS name,
  txt(i.category) AS category,
  whole(i.quantity) AS quantity,
  amount(i.unit_price) AS unit_price,
  CASE WHEN txt(i.discount) IS NULL THEN 0 ELSE amount(i.discount) END AS discount,
  whole(i.quantity)::DECIMAL(18, 0) * amount(i.unit_price) AS line_gross,
FROM (SELECT id, unnest(v."items") AS i FROM parsed);
CREATE TABLE bad_items AS
SELECT id, count(*) AS items, count(DISTINCT line_no) < count(*) OR bool_or(
  line_no IS NULL OR sku IS NULL OR quantity IS NULL OR unit_price IS NULL OR discount IS NULL
  OR quantity <= 0 OR unit_price < 0 OR discount < 0 OR discount > line_gross) AS bad
FROM items GROUP BY id;
CREATE TABLE judged AS
SELECT
  id, line,
  txt(v.order_id) AS order_id, txt(v.customer_id) AS customer_id,
  instant(v.placed_at) AS placed_at, instant(v.updated_at) AS updated_at,
  txt(v.status) AS status, txt(v.currency) AS currency, txt(v.channel) AS channel,
  txt(v.shipping_address.city) AS shipping_city, txt(v.shipping_address.region) AS shipping_region,
  txt(v.shipping_address.country) AS shipping_country,
  coalesce(list_sum([coalesce(amount(p.amount), 0) FOR p IN v.payments]), 0)::DECIMAL(18, 2) AS paid_amount,
  list_filter([txt(t) FOR t IN coalesce(v.tags, [])], lambda t: t IS NOT NULL) AS tags,
  CASE
    WHEN NOT is_object THEN 'malformed_json'
    WHEN txt(v.order_id) IS NULL THEN 'missing_order_id'
    WHEN txt(v.customer_id) IS NULL THEN 'missing_customer_id'
    WHEN instant(v.placed_at) IS NULL THEN 'bad_placed_at'
    WHEN instant(v.placed_at) < $start OR instant(v.placed_at) >= $end THEN 'placed_outside_partition'
    WHEN coalesce(txt(v.status) NOT IN ('pending', 'paid', 'cancelled', 'refunded', 'test'), true)
      THEN 'unknown_status'
    WHEN NOT coalesce(regexp_full_match(txt(v.currency), '[A-Z]{3}'), false) THEN 'bad_currency'
    WHEN coalesce(items, 0) = 0 THEN 'no_items'
    WHEN bad THEN 'bad_item'
  END AS reason
FROM parsed LEFT JOIN bad_items USING (id);
CREATE TABLE orders AS
SELECT * FROM judged WHERE reason IS NULL AND status <> 'test'
QUALIFY row_number() OVER (PARTITION BY order_id ORDER BY updated_at DESC NULLS LAST, line DESC) = 1;
CREATE TABLE order_items AS
SELECT order_id, i.* EXCLUDE (id), (line_gross - discount)::DECIMAL(18, 2) AS line_net
FROM items AS i JOIN orders USING (id);
"""

FACTS = """
CREATE TABLE deliveries AS
SELECT
  order_id, count(*) AS shipment_count, min(shipped_at) AS shipped_at, max(promised_at) AS promised_at,
  CASE WHEN count(delivered_at) = count(*) THEN max(delivered_at) END AS delivered_at,
  CASE
    WHEN count(shipped_at) = 0 THEN 'not_shipped'
    WHEN coalesce(bool_or(last_event_code IN ('exception', 'returned')), false) THEN 'exception'
    WHEN count(delivered_at) = count(*) THEN 'delivered'
    ELSE 'in_transit'
  END AS delivery_status,
  sum(coalesce(round(cost_amount * usd_rate, 2)::DECIMAL(18, 2), 0))::DECIMAL(18, 2) AS shipping_cost_usd
FROM shipments LEFT JOIN fx_rates ON currency = cost_currency
GROUP BY order_id;
CREATE TABLE totals AS
SELECT order_id, count(*) AS item_count, sum(quantity)::BIGINT AS units,
  sum(line_gross)::DECIMAL(18, 2) AS gross_amount, sum(discount)::DECIMAL(18, 2) AS discount_amount
FROM order_items GROUP BY order_id;
CREATE TABLE order_facts AS
SELECT
  $partition::DATE AS partition_date, o.order_id, o.customer_id, o.placed_at, o.status, o.currency, o.channel,
  o.shipping_country, o.shipping_region, o.shipping_city, o.tags,
  item_count, units, gross_amount, discount_amount,
  (gross_amount - discount_amount)::DECIMAL(18, 2) AS net_amount,
  round((gross_amount - discount_amount)::DECIMAL(18, 2) * usd_rate, 2)::DECIMAL(18, 2) AS net_amount_usd,
  paid_amount,
  CASE
    WHEN o.status = 'refunded' THEN 'refunded'
    WHEN paid_amount = 0 THEN 'unpaid'
    WHEN paid_amount < net_amount THEN 'partial'
    WHEN paid_amount = net_amount THEN 'paid'
    ELSE 'overpaid'
  END AS payment_status,
  c.name AS customer_name, c.segment AS customer_segment, c.country AS customer_country,
  c.points::BIGINT AS loyalty_points,
  CASE
    WHEN c.customer_id IS NULL THEN NULL
    WHEN c.points >= 20000 THEN 'platinum'
    WHEN c.points >= 5000 THEN 'gold'
    WHEN c.points >= 1000 THEN 'silver'
    ELSE 'bronze'
  END AS loyalty_tier,
  (c.created_at AT TIME ZONE 'UTC' AT TIME ZONE 'America/New_York')::DATE = $partition::DATE AS is_new_customer,
  coalesce(shipment_count, 0) AS shipment_count, shipped_at, promised_at, delivered_at,
  coalesce(delivery_status, 'not_shipped') AS delivery_status,
  coalesce(delivered_at, $as_of::TIMESTAMPTZ) > promised_at AS is_late,
  ((((epoch_us(shipped_at) - epoch_us(o.placed_at)) * 200 + 3600000000) // 7200000000)::DECIMAL(18, 2)
    * 0.01::DECIMAL(3, 2))::DECIMAL(10, 2) AS hours_to_ship,
  coalesce(shipping_cost_usd, 0)::DECIMAL(18, 2) AS shipping_cost_usd
FROM orders AS o
LEFT JOIN totals USING (order_id)
LEFT JOIN customers AS c ON c.customer_id = o.customer_id
LEFT JOIN fx_rates AS r ON r.currency = o.currency
LEFT JOIN deliveries USING (order_id);
CREATE TABLE daily_sales AS
SELECT
  partition_date, coalesce(shipping_country, 'unknown') AS shipping_country,
  coalesce(customer_segment, 'unknown') AS customer_segment, coalesce(channel, 'unknown') AS channel,
  count(*) AS orders, count(DISTINCT customer_id) AS customers, sum(units)::BIGINT AS units,
  sum(f.net_amount_usd)::DECIMAL(18, 2) AS net_amount_usd,
  ((((sum(f.net_amount_usd) * 200)::HUGEINT + count(*)) // (count(*) * 2))::DECIMAL(18, 2)
    * 0.01::DECIMAL(3, 2))::DECIMAL(18, 2) AS average_order_value_usd,
  count(*) FILTER (is_late) AS late_orders,
  (((late_orders * 20000 + count(*)) // (count(*) * 2))::DECIMAL(14, 0) * 0.0001::DECIMAL(4, 4))::DECIMAL(5, 4)
    AS late_share
FROM order_facts AS f WHERE status IN ('pending', 'paid') GROUP BY ALL;
"""

DOCUMENTS = """
SELECT
  order_id, status, currency, channel, tags, customer_id, customer_segment, customer_country, loyalty_tier,
  shipping_country, shipping_region, payment_status, delivery_status, partition_date::VARCHAR AS partition_date,
  strftime(placed_at, '%Y-%m-%dT%H:%M:%S.%fZ') AS placed_at,
  strftime(shipped_at, '%Y-%m-%dT%H:%M:%S.%fZ') AS shipped_at,
  strftime(promised_at, '%Y-%m-%dT%H:%M:%S.%fZ') AS promised_at,
  strftime(delivered_at, '%Y-%m-%dT%H:%M:%S.%fZ') AS delivered_at,
  customer_name, shipping_city, is_late, units, net_amount::DOUBLE AS net_amount,
  net_amount_usd::DOUBLE AS net_amount_usd, "items"
FROM order_facts JOIN (
  SELECT order_id, list({
    'line_no': line_no::INTEGER, 'sku': sku, 'name': name, 'category': category, 'quantity': quantity::INTEGER,
    'unit_price': unit_price::DOUBLE, 'line_net': line_net::DOUBLE} ORDER BY line_no) AS "items"
  FROM order_items GROUP BY order_id
) USING (order_id)
"""


def main(at: dict[str, Any]) -> None:
    out = Path(at["out"])
    duck = duckdb.connect()
    duck.execute("SET TimeZone = 'UTC'")
    duck.register("lines", lines(Path(at["orders"])))
    run(duck, PARSED, start=at["start"], end=at["end"])
    for name, fetched in snowflake(at):
        duck.register("fetched", fetched)
        duck.execute(f"CREATE TABLE {name} AS SELECT * FROM fetched")
    duck.register("shipments_raw", pa.Table.from_pylist(shipments(at)))
    duck.execute(
        "CREATE TABLE shipments AS SELECT * REPLACE (cost_amount::DECIMAL(18, 2) AS cost_amount, "
        "shipped_at::TIMESTAMPTZ AS shipped_at, promised_at::TIMESTAMPTZ AS promised_at, "
        "delivered_at::TIMESTAMPTZ AS delivered_at) FROM shipments_raw"
    )
    run(duck, FACTS, partition=at["partition"], as_of=at["as_of"])
    for table in ("order_facts", "daily_sales"):
        duck.execute(f"COPY {table} TO '{out / table}.parquet'")
    duck.execute(
        f"COPY (SELECT reason, line AS raw FROM judged WHERE reason IS NOT NULL) TO '{out / 'rejected'}.parquet'"
    )
    index(duck, at)


def run(duck: duckdb.DuckDBPyConnection, statements: str, **values: str) -> None:
    for statement in statements.split(";\n"):
        if statement.strip():
            duck.execute(statement, {name: value for name, value in values.items() if f"${name}" in statement})


def lines(folder: Path) -> pa.Table:
    """DuckDB's own readers stop at a line that is not UTF-8."""
    texts, whole = [], []
    for file in sorted(folder.glob("*.json.gz")):
        for line in gzip.decompress(file.read_bytes()).split(b"\n"):
            if line.strip():
                try:
                    texts.append(line.decode())
                    whole.append(True)
                except UnicodeDecodeError:
                    texts.append(line.decode(errors="replace"))
                    whole.append(False)
    return pa.table({"line": texts, "whole": whole})


def index(duck: duckdb.DuckDBPyConnection, at: dict[str, Any]) -> None:
    client = OpenSearch(at["search"], timeout=120)
    client.indices.delete(index=at["index"], ignore_unavailable=True)
    client.indices.create(index=at["index"], body=at["index_body"])
    helpers.bulk(client, documents(duck, at["index"]), chunk_size=1000)
    client.indices.refresh(index=at["index"])


def documents(duck: duckdb.DuckDBPyConnection, name: str) -> Iterator[dict[str, Any]]:
    for batch in duck.execute(DOCUMENTS).to_arrow_reader(10_000):
        for row in batch.to_pylist():
            row["items"] = [present(item) for item in row["items"]]
            yield {"_index": name, "_id": row["order_id"], "_source": present(row)}


def present(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
