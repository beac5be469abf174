"""The shop's day as somebody would write it without this project: one PySpark script, one session, helpers.bulk.

    python pyspark_day.py ADDRESSES.json

Publishes nothing atomically, keeps no history, checks nothing, and stops at the first thing that is wrong.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from opensearchpy import OpenSearch, helpers
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F
from sources import shipments, snowflake

SCHEMA = """
order_id STRING, customer_id STRING, placed_at STRING, updated_at STRING, status STRING, currency STRING,
channel STRING, shipping_address STRUCT<city: STRING, region: STRING, country: STRING>,
items ARRAY<STRUCT<line_no: STRING, sku: STRING, name: STRING, category: STRING, quantity: STRING,
  unit_price: STRING, discount: STRING>>,
payments ARRAY<STRUCT<amount: STRING>>, tags ARRAY<STRING>
"""
SHIPMENT = """
order_id STRING, shipped_at STRING, promised_at STRING, delivered_at STRING, cost_amount STRING,
cost_currency STRING, last_event_code STRING
"""


def txt(x: str) -> str:
    return f"nullif(trim({x}), '')"


def num(x: str) -> str:
    return f"try_cast({txt(x)} AS DECIMAL(38, 10))"


def whole(x: str) -> str:
    return f"CASE WHEN {num(x)} % 1 = 0 THEN {num(x)} END"


def amount(x: str) -> str:
    return f"try_cast(round({num(x)}, 2) AS DECIMAL(18, 2))"


def instant(x: str) -> str:
    pattern = r"^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?(Z|[+-]\\d\\d:\\d\\d)$"
    return f"CASE WHEN {txt(x)} RLIKE '{pattern}' THEN try_cast({txt(x)} AS TIMESTAMP) END"


ITEM = f"""
named_struct('line_no', {whole("i.line_no")}, 'sku', {txt("i.sku")}, 'name', {txt("i.name")},
  'category', {txt("i.category")}, 'quantity', {whole("i.quantity")}, 'unit_price', {amount("i.unit_price")},
  'discount', CASE WHEN {txt("i.discount")} IS NULL THEN CAST(0 AS DECIMAL(18, 2)) ELSE {amount("i.discount")} END)
"""
BAD_ITEM = """
size(array_distinct(transform(typed, i -> i.line_no))) < size(typed) OR exists(typed, i ->
  i.line_no IS NULL OR i.sku IS NULL OR i.quantity IS NULL OR i.unit_price IS NULL OR i.discount IS NULL
  OR i.quantity <= 0 OR i.unit_price < 0 OR i.discount < 0
  OR i.discount > CAST(i.quantity AS DECIMAL(18, 0)) * i.unit_price)
"""
JUDGED = f"""
SELECT line, typed,
  {txt("v.order_id")} AS order_id, {txt("v.customer_id")} AS customer_id, {instant("v.placed_at")} AS placed_at,
  {instant("v.updated_at")} AS updated_at, {txt("v.status")} AS status, {txt("v.currency")} AS currency,
  {txt("v.channel")} AS channel, {txt("v.shipping_address.city")} AS shipping_city,
  {txt("v.shipping_address.region")} AS shipping_region, {txt("v.shipping_address.country")} AS shipping_country,
  CAST(coalesce(aggregate(v.payments, CAST(0 AS DECIMAL(28, 2)),
    (s, p) -> CAST(s + coalesce({amount("p.amount")}, 0) AS DECIMAL(28, 2))), 0) AS DECIMAL(18, 2)) AS paid_amount,
  filter(transform(coalesce(v.tags, array()), t -> {txt("t")}), t -> t IS NOT NULL) AS tags,
  CASE
    WHEN NOT is_object THEN 'malformed_json'
    WHEN {txt("v.order_id")} IS NULL THEN 'missing_order_id'
    WHEN {txt("v.customer_id")} IS NULL THEN 'missing_customer_id'
    WHEN {instant("v.placed_at")} IS NULL THEN 'bad_placed_at'
    WHEN {instant("v.placed_at")} < :start OR {instant("v.placed_at")} >= :end THEN 'placed_outside_partition'
    WHEN coalesce({txt("v.status")} NOT IN ('pending', 'paid', 'cancelled', 'refunded', 'test'), true)
      THEN 'unknown_status'
    WHEN NOT coalesce({txt("v.currency")} RLIKE '^[A-Z]{{3}}$', false) THEN 'bad_currency'
    WHEN coalesce(size(typed), 0) <= 0 THEN 'no_items'
    WHEN {BAD_ITEM} THEN 'bad_item'
  END AS reason
FROM (SELECT line, is_object, v, transform(v.items, i -> {ITEM}) AS typed
      FROM (SELECT line, is_object, from_json(line, '{" ".join(SCHEMA.split())}') AS v FROM lines))
"""
ORDERS = """
SELECT * FROM (
  SELECT *, row_number() OVER (PARTITION BY order_id ORDER BY updated_at DESC NULLS LAST, line DESC) AS rank
  FROM judged WHERE reason IS NULL AND status <> 'test'
) WHERE rank = 1
"""
ITEMS = """
SELECT order_id, CAST(i.line_no AS INT) AS line_no, i.sku, i.name, i.category, CAST(i.quantity AS INT) AS quantity,
  i.unit_price, i.discount, CAST(CAST(i.quantity AS DECIMAL(18, 0)) * i.unit_price AS DECIMAL(18, 2)) AS line_gross,
  CAST(CAST(i.quantity AS DECIMAL(18, 0)) * i.unit_price - i.discount AS DECIMAL(18, 2)) AS line_net
FROM (SELECT order_id, explode(typed) AS i FROM orders)
"""
DELIVERIES = """
SELECT order_id, count(*) AS shipment_count, min(shipped_at) AS shipped_at, max(promised_at) AS promised_at,
  CASE WHEN count(delivered_at) = count(*) THEN max(delivered_at) END AS delivered_at,
  CASE
    WHEN count(shipped_at) = 0 THEN 'not_shipped'
    WHEN coalesce(bool_or(last_event_code IN ('exception', 'returned')), false) THEN 'exception'
    WHEN count(delivered_at) = count(*) THEN 'delivered'
    ELSE 'in_transit'
  END AS delivery_status,
  CAST(sum(coalesce(CAST(round(cost_amount * usd_rate, 2) AS DECIMAL(18, 2)), 0)) AS DECIMAL(18, 2))
    AS shipping_cost_usd
FROM shipments LEFT JOIN fx_rates ON currency = cost_currency
GROUP BY order_id
"""
TOTALS = """
SELECT order_id, count(*) AS item_count, sum(quantity) AS units,
  CAST(sum(line_gross) AS DECIMAL(18, 2)) AS gross_amount, CAST(sum(discount) AS DECIMAL(18, 2)) AS discount_amount
FROM order_items GROUP BY order_id
"""
FACTS = """
SELECT CAST(:partition AS DATE) AS partition_date, o.order_id, o.customer_id, o.placed_at, o.status, o.currency,
  o.channel, o.shipping_country, o.shipping_region, o.shipping_city, o.tags,
  item_count, units, gross_amount, discount_amount,
  CAST(gross_amount - discount_amount AS DECIMAL(18, 2)) AS net_amount,
  CAST(round(CAST(gross_amount - discount_amount AS DECIMAL(18, 2)) * r.usd_rate, 2) AS DECIMAL(18, 2))
    AS net_amount_usd,
  paid_amount,
  CASE
    WHEN o.status = 'refunded' THEN 'refunded'
    WHEN paid_amount = 0 THEN 'unpaid'
    WHEN paid_amount < gross_amount - discount_amount THEN 'partial'
    WHEN paid_amount = gross_amount - discount_amount THEN 'paid'
    ELSE 'overpaid'
  END AS payment_status,
  c.name AS customer_name, c.segment AS customer_segment, c.country AS customer_country,
  c.points AS loyalty_points,
  CASE
    WHEN c.customer_id IS NULL THEN NULL
    WHEN c.points >= 20000 THEN 'platinum'
    WHEN c.points >= 5000 THEN 'gold'
    WHEN c.points >= 1000 THEN 'silver'
    ELSE 'bronze'
  END AS loyalty_tier,
  to_date(from_utc_timestamp(c.created_at, 'America/New_York')) = CAST(:partition AS DATE) AS is_new_customer,
  coalesce(shipment_count, 0) AS shipment_count, shipped_at, promised_at, delivered_at,
  coalesce(delivery_status, 'not_shipped') AS delivery_status,
  coalesce(delivered_at, CAST(:as_of AS TIMESTAMP)) > promised_at AS is_late,
  CAST(round(CAST(unix_micros(shipped_at) - unix_micros(o.placed_at) AS DECIMAL(20, 0))
    / CAST(3600000000 AS DECIMAL(10, 0)), 2) AS DECIMAL(10, 2)) AS hours_to_ship,
  CAST(coalesce(shipping_cost_usd, 0) AS DECIMAL(18, 2)) AS shipping_cost_usd
FROM orders AS o
LEFT JOIN totals AS t ON t.order_id = o.order_id
LEFT JOIN customers AS c ON c.customer_id = o.customer_id
LEFT JOIN fx_rates AS r ON r.currency = o.currency
LEFT JOIN deliveries AS d ON d.order_id = o.order_id
"""
SALES = """
SELECT partition_date, coalesce(shipping_country, 'unknown') AS shipping_country,
  coalesce(customer_segment, 'unknown') AS customer_segment, coalesce(channel, 'unknown') AS channel,
  count(*) AS orders, count(DISTINCT customer_id) AS customers, sum(units) AS units,
  CAST(sum(net_amount_usd) AS DECIMAL(18, 2)) AS net_amount_usd,
  CAST(round(CAST(sum(net_amount_usd) AS DECIMAL(20, 2)) / CAST(count(*) AS DECIMAL(12, 0)), 2) AS DECIMAL(18, 2))
    AS average_order_value_usd,
  count_if(is_late) AS late_orders,
  CAST(round(CAST(count_if(is_late) AS DECIMAL(20, 2)) / CAST(count(*) AS DECIMAL(12, 0)), 4) AS DECIMAL(5, 4))
    AS late_share
FROM order_facts WHERE status IN ('pending', 'paid') GROUP BY ALL
"""
DOCUMENTS = """
SELECT to_json(struct(
  f.order_id, status, currency, channel, tags, customer_id, customer_segment, customer_country, loyalty_tier,
  shipping_country, shipping_region, payment_status, delivery_status, partition_date, placed_at, shipped_at,
  promised_at, delivered_at, customer_name, shipping_city, is_late, units, net_amount, net_amount_usd, items
), map('timestampFormat', "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX")) AS document
FROM order_facts AS f JOIN (
  SELECT order_id, array_sort(collect_list(struct(line_no, sku, name, category, quantity, unit_price, line_net)))
    AS items
  FROM order_items GROUP BY order_id
) AS i ON i.order_id = f.order_id
"""


def main(at: dict[str, Any]) -> None:
    os.environ["PYSPARK_PYTHON"] = sys.executable  # as in an environment that is activated
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.execution.arrow.pyspark.enabled", "true")
        .config("spark.sql.ansi.enabled", "false")
        .config("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
        .getOrCreate()
    )
    times = {"start": datetime.fromisoformat(at["start"]), "end": datetime.fromisoformat(at["end"])}
    text = spark.read.text(f"{at['orders']}/*.json.gz").where("trim(value) <> ''")
    text.select(F.col("value").alias("line"), F.udf(is_object, "boolean")("value").alias("is_object")).createTempView(
        "lines"
    )
    judged = spark.sql(JUDGED, times).cache()
    judged.createTempView("judged")
    spark.sql(ORDERS).cache().createTempView("orders")
    spark.sql(ITEMS).cache().createTempView("order_items")
    for name, fetched in snowflake(at):
        spark.createDataFrame(fetched).createTempView(name)
    rows = [each | {"cost_amount": str(each["cost_amount"])} for each in shipments(at)]
    (
        spark.createDataFrame(rows, SHIPMENT)
        .withColumn("cost_amount", F.col("cost_amount").cast("decimal(18,2)"))
        .withColumns({name: F.col(name).cast("timestamp") for name in ("shipped_at", "promised_at", "delivered_at")})
        .createTempView("shipments")
    )
    spark.sql(DELIVERIES).createTempView("deliveries")
    spark.sql(TOTALS).createTempView("totals")
    facts = spark.sql(FACTS, {"partition": at["partition"], "as_of": at["as_of"]}).cache()
    facts.createTempView("order_facts")
    written(facts, at, "order_facts")
    written(spark.sql(SALES), at, "daily_sales")
    written(judged.where("reason IS NOT NULL").select("reason", F.col("line").alias("raw")), at, "rejected")
    index(spark.sql(DOCUMENTS), at)
    spark.stop()


def is_object(line: str) -> bool:
    """from_json takes single quotes and the first of two objects."""
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def written(frame: DataFrame, at: dict[str, Any], name: str) -> None:
    frame.coalesce(1).write.mode("overwrite").parquet(f"{at['out']}/{name}.folder")
    (file,) = Path(f"{at['out']}/{name}.folder").glob("part-*.parquet")
    file.rename(f"{at['out']}/{name}.parquet")


def index(documents: DataFrame, at: dict[str, Any]) -> None:
    client = OpenSearch(at["search"], timeout=120)
    client.indices.delete(index=at["index"], ignore_unavailable=True)
    client.indices.create(index=at["index"], body=at["index_body"])
    address, name = at["search"], at["index"]

    def send(rows: Iterable[Row]) -> None:
        helpers.bulk(OpenSearch(address, timeout=120), actions(rows, name), chunk_size=1000)

    documents.foreachPartition(send)
    client.indices.refresh(index=name)


def actions(rows: Iterable[Row], name: str) -> Iterator[dict[str, Any]]:
    for row in rows:
        source = json.loads(row.document)
        yield {"_index": name, "_id": source["order_id"], "_source": source}


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
