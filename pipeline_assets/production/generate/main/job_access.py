"""What a job may read and write: buckets, tables, the index, the secrets that it is given.

Does not own: who is given this (cluster, runtime_roles), which secrets a job reads (secrets).
"""

from collections.abc import Iterable

from awacs.aws import Statement
from emr_jobs.domain import domain_of
from troposphere import Sub

from pipeline_assets.production.generate import sources
from pipeline_assets.production.generate.base_template import BUCKETS
from pipeline_assets.production.generate.main.stack import MainStack
from pipeline_assets.production.generate.policies import allow, catalog_arns, read_secrets
from pipeline_assets.production.generate.secrets import secrets_of


def data(stack: MainStack, *, secrets: Iterable[str]) -> list[Statement]:
    """`secrets`: `aws:NAME` of each."""
    return [*_objects(stack), _tables(stack), *read_secrets(secrets), *_index(stack)]


def secrets_of_all_jobs(stack: MainStack) -> list[str]:
    return [each for job in stack.plan.jobs for each in secrets_of(job, stack.settings)]


def _objects(stack: MainStack) -> list[Statement]:
    """What is delivered is read only, as are the artifacts."""
    delivered = sources.delivered(stack.settings)
    own = [f"${{{name}}}" for name in BUCKETS]
    return [
        allow(
            ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
            [_bucket("${LakeBucket}/*"), _bucket("${RunsBucket}/*")],
        ),
        allow(["s3:GetObject"], [_bucket(f"{each}/*") for each in ("${ArtifactsBucket}", *delivered)]),
        allow(["s3:ListBucket", "s3:GetBucketLocation"], [_bucket(each) for each in (*own, *delivered)]),
    ]


def _tables(stack: MainStack) -> Statement:
    return allow(
        ["glue:GetDatabase", "glue:GetDatabases", "glue:GetTable", "glue:GetTables", "glue:UpdateTable"],
        catalog_arns(domain_of(stack.settings).tables, stack.settings.lake.database_prefix),
    )


def _index(stack: MainStack) -> list[Statement]:
    """Where the roles say who may use it; elsewhere a secret does."""
    if stack.settings.search.auth != "sigv4":
        return []
    actions = [f"es:ESHttp{verb}" for verb in ("Delete", "Get", "Head", "Post", "Put")]
    domain = Sub("arn:${AWS::Partition}:es:${AWS::Region}:${AWS::AccountId}:domain/${SearchDomain}/*")
    return [allow(actions, [domain])]


def _bucket(name: str) -> Sub:
    """ARN of a bucket, or of what follows its name."""
    return Sub(f"arn:${{AWS::Partition}}:s3:::{name}")
