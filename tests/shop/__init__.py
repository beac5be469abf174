"""The shop: its rules once more as the oracle, its odd inputs, its transforms."""

from emr_jobs.domain import domain

SHOP = domain("shop")
