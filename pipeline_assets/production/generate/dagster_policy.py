"""What the Dagster code location may do in AWS: statements from the settings. Pure.

It reads what it shows, and changes nothing of production: it starts and stops no execution, writes no table and no
index. Clusters it makes and ends itself carry `pipeline:instance`; those of the daily run carry `pipeline:stack`.
Does not own: the policy (main.dagster_access).
"""

from typing import Any

from awacs.aws import Condition, Null, Statement
from emr_jobs.contracts import Contract
from emr_jobs.core.s3_uri import bucket_and_key
from emr_jobs.core.settings import DeploymentSettings, Emr, Production
from emr_jobs.domain import domain_of
from troposphere import Ref, Sub

from pipeline_assets.emr.clusters import INSTANCE_TAG
from pipeline_assets.production.generate.policies import (
    allow,
    catalog_arns,
    cleanup_role,
    pass_role,
    publish,
    read_secrets,
)
from pipeline_assets.production.generate.secrets import secrets
from pipeline_assets.production.generate.sources import delivered
from pipeline_assets.production.generate.tags import STACK_TAG

CLUSTERS = "elasticmapreduce:${AWS::Region}:${AWS::AccountId}:cluster/*"


def dagster_statements(settings: DeploymentSettings, *, service_role: Any, instance_role: Any) -> list[Statement]:
    """`service_role` and `instance_role`: ARNs of the roles that a cluster is given."""
    return [
        *_production(settings.production),
        *_objects(settings, settings.emr),
        *_events(settings),
        *_published(settings, domain_of(settings).tables),
        *read_secrets(sorted(set(secrets(settings).values()))),
        *_clusters(),
        pass_role([service_role], "elasticmapreduce.amazonaws.com"),
        pass_role([instance_role], "ec2.amazonaws.com"),
        cleanup_role(),
    ]


def _production(production: Production) -> list[Statement]:
    """The executions that it follows, and whom it tells of a failure."""
    executions = f"states:${{AWS::Region}}:${{AWS::AccountId}}:execution:{production.name}-daily:*"
    stack = f"cloudformation:${{AWS::Region}}:${{AWS::AccountId}}:stack/{production.name}/*"
    return [
        allow(["states:ListExecutions"], [Ref("DailyMachine")]),
        allow(["states:DescribeExecution", "states:GetExecutionHistory"], [_arn(executions)]),
        allow(["cloudformation:DescribeStacks"], [_arn(stack)]),
        allow(["dynamodb:GetItem"], [_arn("dynamodb:${AWS::Region}:${AWS::AccountId}:table/${GuardTable}")]),
        *publish(),
    ]


def _objects(settings: DeploymentSettings, emr: Emr) -> list[Statement]:
    """Leases, messages and logs of runs; packages and settings; the lake. Of what is delivered, names and sizes only.

    Code and settings that production runs are read; what Dagster launches by itself it ships to a folder of its own.
    """
    runs, artifacts, lake = settings.runs.uri, emr.artifacts_uri, settings.lake.warehouse
    own = {bucket_and_key(uri)[0] for uri in (runs, artifacts, lake, emr.log_uri)}
    folders = [*own, *delivered(settings)]
    return [
        allow(["s3:ListBucket"], [Sub(f"arn:${{AWS::Partition}}:s3:::{bucket}") for bucket in sorted(folders)]),
        allow(["s3:GetObject"], [_under(f"{runs}/pipes"), _under(emr.log_uri), _under(lake), _under(artifacts)]),
        allow(["s3:PutObject", "s3:AbortMultipartUpload"], [_under(emr.launched_uri)]),
        allow(
            ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
            [_under(f"{runs}/leases"), _under(f"{runs}/compute_logs")],
        ),
    ]


def _events(settings: DeploymentSettings) -> list[Statement]:
    """OpenLineage events are written to their folder and not read."""
    lineage = settings.lineage
    return [allow(["s3:PutObject"], [_under(lineage.url)])] if lineage and lineage.kind == "s3" else []


def _published(settings: DeploymentSettings, published: list[Contract]) -> list[Statement]:
    """What the stand-alone checks read: tables by their catalog, the index by its mapping and its count."""
    statements = [allow(["glue:GetDatabase", "glue:GetTable"], catalog_arns(published, settings.lake.database_prefix))]
    if settings.search.auth == "sigv4":
        domain = "es:${AWS::Region}:${AWS::AccountId}:domain/${SearchDomain}"
        statements += [
            allow(["es:ESHttpGet", "es:ESHttpHead"], [_arn(f"{domain}/*")]),
            allow(["es:ESHttpPost"], [_arn(f"{domain}/*/_count")]),
        ]
    return statements


def _clusters() -> list[Statement]:
    """Any cluster is described, for ListClusters has no tags; only those with an instance's tag are used and ended.

    RunJobFlow is authorised for the tags and the idle time-out of its request as well, which must not become a way to
    tag, and then to end, a cluster of the daily run.
    """
    made_by_dagster = Condition(Null({f"elasticmapreduce:RequestTag/{INSTANCE_TAG}": "false"}))
    of_dagster = Condition(Null({f"elasticmapreduce:ResourceTag/{INSTANCE_TAG}": "false"}))
    not_of_the_stack = Condition(Null({f"elasticmapreduce:ResourceTag/{STACK_TAG}": "true"}))
    return [
        allow(["elasticmapreduce:ListClusters"], ["*"]),
        allow(["elasticmapreduce:RunJobFlow"], ["*"], made_by_dagster),
        allow(
            ["elasticmapreduce:AddTags", "elasticmapreduce:PutAutoTerminationPolicy"],
            [_arn(CLUSTERS)],
            not_of_the_stack,
        ),
        allow(["elasticmapreduce:DescribeCluster", "elasticmapreduce:DescribeStep"], [_arn(CLUSTERS)]),
        allow(
            [f"elasticmapreduce:{each}" for each in ("AddJobFlowSteps", "CancelSteps", "TerminateJobFlows")],
            [_arn(CLUSTERS)],
            of_dagster,
        ),
    ]


def _arn(of: str) -> Sub:
    return Sub(f"arn:${{AWS::Partition}}:{of}")


def _under(uri: str) -> Sub:
    """Every object in this folder of S3."""
    return _arn(f"s3:::{uri.removeprefix('s3://')}/*")
