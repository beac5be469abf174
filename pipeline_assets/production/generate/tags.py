"""Tags of what a deployment makes: which deployment's it is, and who owns that."""

from emr_jobs.core.settings import Production

STACK_TAG = "pipeline:stack"
OWNER_TAG = "pipeline:owner"


def deployment_tags(production: Production) -> dict[str, str]:
    return {STACK_TAG: production.name, OWNER_TAG: production.owner}
