"""The shop's jobs: what each one publishes, what makes it, how it is run. Plain data, no Spark."""

from emr_jobs.catalog import BY_CONTRACT, Job, Pick

JOBS = (
    Job(
        "extract_orders",
        body="shop.extract_orders:extract_orders",
        inputs=("s3.orders",),
        outputs=("intermediate.rejected_orders", "intermediate.orders", "intermediate.order_items"),
        timeout_s=1800,
        max_retries=1,
    ),
    Job(
        "extract_customers",
        body="shop.extract_customers:extract_customers",
        inputs=("snowflake.customers", "snowflake.loyalty_ledger", "snowflake.fx_rates"),
        outputs=("intermediate.customers", "intermediate.fx_rates"),
        timeout_s=1800,
        max_retries=1,
    ),
    Job(
        "extract_shipments",
        body=BY_CONTRACT,
        inputs=("web_api.shipments",),
        outputs=("intermediate.rejected_shipments", "intermediate.shipments"),
        picks=(Pick(("last_event_code", "last_event_at"), "shop.transforms.shipments:last_event"),),
        timeout_s=2700,
        max_retries=1,
    ),
    Job(
        "master",
        body="shop.master:master",
        inputs=(
            *("intermediate.orders", "intermediate.order_items", "intermediate.customers", "intermediate.fx_rates"),
            "intermediate.shipments",
        ),
        outputs=("final.order_facts", "final.daily_sales", "search.orders"),
        timeout_s=3600,
        max_retries=1,
        max_executors=8,
    ),
)
