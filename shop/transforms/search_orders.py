"""search.orders: a document an order, with its lines."""

from emr_jobs.contracts import Contract
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

ITEM_FIELDS = ("line_no", "sku", "name", "category", "quantity", "unit_price", "line_net")


def search_orders(order_facts: DataFrame, order_items: DataFrame, *, contract: Contract) -> DataFrame:
    """In contract order; items by line_no. Every order has items: the join finds one row."""
    items = order_items.groupBy("order_id").agg(
        F.array_sort(F.collect_list(F.struct(*ITEM_FIELDS))).alias("items"),
    )
    return order_facts.join(items, on="order_id", how="left").select(*[column.name for column in contract.columns])
