"""The lines of an order export, parsed once and each given its outcome.

`parse` reads a line into typed columns and the first rule it breaks; `settle` decides among the lines of one
order_id. `outcome` is then a reason of intermediate.rejected_orders, or one of TEST, DUPLICATE, ORDER.
Does not own: the datasets made of it (orders, order_items, rejected_orders).
"""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from emr_jobs.contracts import Contract
from emr_jobs.partition import Partition
from emr_jobs.transforms.reading import (
    AMOUNT,
    amount,
    elements,
    field,
    instant,
    is_blank,
    literal,
    number,
    text,
    whole,
)

TEST = "test"
DUPLICATE = "duplicate"
ORDER = "order"

STATUSES = ("pending", "paid", "cancelled", "refunded", TEST)

ORDER_TEXTS = ("order_id", "customer_id", "status", "currency", "channel")
ORDER_INSTANTS = ("placed_at", "updated_at")
ADDRESS_FIELDS = ("city", "region", "postal_code", "country")
ITEM_TEXTS = ("sku", "name", "category")
ITEM_FIELDS = ("line_no", *ITEM_TEXTS, "quantity", "unit_price", "discount")

_JSON_SPACE = " \t\r"  # a line ends at \n, so this is all the white space that JSON allows in it
_SEAL = "_seal"


def parse(lines: DataFrame, *, partition: Partition, source: Contract) -> DataFrame:
    """One row a non-blank line of `lines` (value: string); `reason` is null when it breaks no rule."""
    line = F.col("value")
    trimmed = F.trim(line, F.lit(_JSON_SPACE))
    return (
        lines.where(trimmed != "")
        .select(line, trimmed.startswith("{").alias("starts_as_object"), _sealed(line, source).alias("parsed"))
        .select(
            F.make_valid_utf8(line).alias("raw"),
            (F.col("starts_as_object") & _seal_holds(line)).alias("is_object"),
            *_named(_literals(F.try_element_at("parsed", F.lit(1)))),
        )
        .select("raw", "is_object", *_named(_values()))
        .withColumn("reason", _reason(partition))
    )


def _sealed(line: Column, source: Contract) -> Column:
    """The line as [its object, a seal made from its bytes].

    from_json stops at the end of the first value and drops what follows; only a line that is exactly one
    value leaves the seal where it belongs. Leaves are VARIANT: see reading.
    """
    names = [*(column.name for column in source.columns), _SEAL]
    schema = f"array<struct<{','.join(f'`{name}`: variant' for name in names)}>>"
    sealed = F.concat(F.lit("["), line, F.lit(f',{{"{_SEAL}":"'), _seal(line), F.lit('"}]'))
    options = {"allowSingleQuotes": "false", "allowNonNumericNumbers": "false"}
    return F.when(F.is_valid_utf8(line), F.from_json(sealed, schema, options))


def _seal(line: Column) -> Column:
    return F.hex(F.xxhash64(line))


def _seal_holds(line: Column) -> Column:
    seal = F.try_element_at("parsed", F.lit(2))[_SEAL].cast("string")
    return F.coalesce((F.size("parsed") == 2) & (seal == _seal(line)), F.lit(False))


def _literals(order: Column) -> dict[str, Column]:
    """What is used of an order, each leaf as its JSON literal."""
    address = order["shipping_address"]
    return {
        **{name: literal(order[name]) for name in ORDER_TEXTS + ORDER_INSTANTS},
        **{f"shipping_{name}": literal(field(address, name)) for name in ADDRESS_FIELDS},
        "payments": F.transform(elements(order["payments"]), lambda payment: literal(field(payment, "amount"))),
        "tags": F.transform(elements(order["tags"]), literal),
        "items": F.transform(
            elements(order["items"]),
            lambda item: _struct({name: literal(field(item, name)) for name in ITEM_FIELDS}),
        ),
    }


def _values() -> dict[str, Column]:
    return {
        **{name: text(F.col(name)) for name in ORDER_TEXTS},
        **{name: instant(F.col(name)) for name in ORDER_INSTANTS},
        **{f"shipping_{name}": text(F.col(f"shipping_{name}")) for name in ADDRESS_FIELDS},
        "paid_amount": _sum(F.transform("payments", lambda each: F.coalesce(amount(number(each)), _zero()))),
        "tags": F.array_compact(F.transform(F.coalesce("tags", F.array().cast("array<string>")), text)),
        "items": F.transform(F.transform(F.transform("items", _item_numbers), _item_values), _item_amounts),
    }


def _sum(amounts: Column) -> Column:
    """0 without any; null when the sum does not fit, which the audit reports."""
    total = F.aggregate(amounts, F.lit(0).cast("decimal(38,2)"), lambda sum_, each: sum_ + each)
    return F.coalesce(total, _zero()).try_cast(AMOUNT)


def _zero() -> Column:
    return F.lit(0).cast(AMOUNT)


def _item_numbers(item: Column) -> Column:
    """A discount that is absent, null or blank is 0; of another wrong type it is null, which is a bad item."""
    discount = F.when(is_blank(item["discount"]), F.lit("0")).otherwise(number(item["discount"]))
    numbers = {name: number(item[name]) for name in ("line_no", "quantity", "unit_price")}
    return _struct({**{name: text(item[name]) for name in ITEM_TEXTS}, **numbers, "discount": discount})


def _item_values(item: Column) -> Column:
    wholes = {name: whole(item[name]) for name in ("line_no", "quantity")}
    amounts = {name: amount(item[name]) for name in ("unit_price", "discount")}
    return _struct({**{name: item[name] for name in ITEM_TEXTS}, **wholes, **amounts})


def _item_amounts(item: Column) -> Column:
    gross = (item["quantity"].cast("decimal(19,0)") * item["unit_price"]).try_cast(AMOUNT)
    return _struct({**{name: item[name] for name in ITEM_FIELDS}, "line_gross": gross})


def _named(columns: dict[str, Column]) -> list[Column]:
    return [column.alias(name) for name, column in columns.items()]


def _struct(columns: dict[str, Column]) -> Column:
    return F.struct(*_named(columns))


def _is_bad(item: Column) -> Column:
    good = (
        item["line_no"].isNotNull()
        & item["sku"].isNotNull()
        & (item["quantity"] > 0)
        & (item["unit_price"] >= 0)
        & (item["discount"] >= 0)
        & (item["discount"] <= item["line_gross"])
    )
    return ~F.coalesce(good, F.lit(False))


def _reason(partition: Partition) -> Column:
    """The first rule that applies, in the order of the contract of intermediate.rejected_orders."""
    items, placed_at = F.col("items"), F.col("placed_at")
    line_numbers = F.transform(items, lambda item: item["line_no"])
    rules = {
        "malformed_json": ~F.col("is_object"),
        "missing_order_id": F.col("order_id").isNull(),
        "missing_customer_id": F.col("customer_id").isNull(),
        "bad_placed_at": placed_at.isNull(),
        "placed_outside_partition": (placed_at < F.lit(partition.start)) | (placed_at >= F.lit(partition.end)),
        "unknown_status": F.col("status").isNull() | ~F.col("status").isin(*STATUSES),
        "bad_currency": F.col("currency").isNull() | ~F.col("currency").rlike(r"^[A-Z]{3}\z"),
        "no_items": F.coalesce(F.size(items), F.lit(0)) <= 0,
        "bad_item": F.exists(items, _is_bad) | (F.size(F.array_distinct(line_numbers)) < F.size(items)),
    }
    reason = F.lit(None).cast("string")
    for name, applies in reversed(rules.items()):
        reason = F.when(applies, F.lit(name)).otherwise(reason)
    return reason


def settle(parsed: DataFrame) -> DataFrame:
    """Adds `outcome`: rules first, then test orders, then one line per order_id.

    The line with the greatest updated_at stays (null last), then the greatest by bytes. Other lines than
    candidates rank among themselves, spread by their text so that no task gets them all.
    """
    candidate = F.coalesce(F.col("reason"), F.when(F.col("status") == TEST, F.lit(TEST))).isNull()
    same_order = Window.partitionBy("candidate", F.when(F.col("candidate"), F.col("order_id")).otherwise(F.col("raw")))
    latest_first = same_order.orderBy(F.col("updated_at").desc_nulls_last(), F.col("raw").desc())
    outcome = (
        F.when(F.col("reason").isNotNull(), F.col("reason"))
        .when(F.col("status") == TEST, F.lit(TEST))
        .when(F.col("rank") > 1, F.lit(DUPLICATE))
        .otherwise(F.lit(ORDER))
    )
    return (
        parsed.withColumn("candidate", candidate)
        .withColumn("rank", F.row_number().over(latest_first))
        .withColumn("outcome", outcome)
        .drop("candidate", "rank", "reason")
    )
