"""The stack of what must outlive a deployment: buckets, guard table, Glue databases. Once made, all of it is retained.

Parameters: an existing bucket for each that it would make, and whether the databases are there. Outputs: the names,
which the main stack takes as parameters of the same names.
"""

from emr_jobs.core.settings import DeploymentSettings
from emr_jobs.domain import domain_of
from emr_jobs.publish.bulk import DEAD_LETTER_DAYS, DEAD_LETTERS
from troposphere import (
    AccountId,
    Equals,
    If,
    Output,
    Parameter,
    Ref,
    Tags,
    Template,
    dynamodb,
    glue,
    s3,
)

from pipeline_assets.production.generate.policies import databases, tls_only
from pipeline_assets.production.generate.tags import STACK_TAG, deployment_tags

# A first deployment that fails leaves nothing, or the next one would fail on what is there.
KEPT = {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}
# bucket -> days after which an object goes: what the lake keeps is Iceberg's business. Of two rules the shorter holds.
BUCKETS: dict[str, dict[str, int]] = {
    "LakeBucket": {},
    "RunsBucket": {"emr/": 90, "runs/": 400, f"runs/{DEAD_LETTERS}/": DEAD_LETTER_DAYS},
    "ArtifactsBucket": {},
}
VERSIONED = {"ArtifactsBucket"}  # what production runs: whoever overwrites it has not lost it
TAKES_DATABASES = "ExistingDatabases"
UPLOAD_DAYS = 7  # parts of an upload that was never finished


def base_template(settings: DeploymentSettings) -> Template:
    made = Template(Description="Buckets, guard table and Glue databases of the daily pipeline; all are retained.")
    tags = Tags(deployment_tags(settings.production))
    for title, lifetimes in BUCKETS.items():
        _bucket(made, title, lifetimes, tags)
    guard = made.add_parameter(
        Parameter("ExistingGuardTable", Type="String", Default="", Description="A table to take as the GuardTable")
    )
    made.add_condition("MakesGuardTable", Equals(Ref(guard), ""))
    table = made.add_resource(
        dynamodb.Table(
            "GuardTable",
            Condition="MakesGuardTable",
            KeySchema=[dynamodb.KeySchema(AttributeName="pk", KeyType="HASH")],
            AttributeDefinitions=[dynamodb.AttributeDefinition(AttributeName="pk", AttributeType="S")],
            BillingMode="PAY_PER_REQUEST",
            TimeToLiveSpecification=dynamodb.TimeToLiveSpecification(AttributeName="expires_at", Enabled=True),
            PointInTimeRecoverySpecification=dynamodb.PointInTimeRecoverySpecification(PointInTimeRecoveryEnabled=True),
            SSESpecification=dynamodb.SSESpecification(SSEEnabled=True),
            Tags=tags,
            **KEPT,
        )
    )
    made.add_output(
        Output(
            "GuardTable",
            Value=If("MakesGuardTable", Ref(table), Ref(guard)),
            Description="Which execution has which day",
        )
    )
    there = made.add_parameter(
        Parameter(
            TAKES_DATABASES,
            Type="String",
            Default="",
            AllowedValues=["", "yes"],
            Description="yes: the Glue databases are there, kept by an earlier deployment or made by others",
        )
    )
    made.add_condition("MakesDatabases", Equals(Ref(there), ""))
    for layer, name in databases(domain_of(settings).tables, settings.lake.database_prefix).items():
        made.add_resource(
            glue.Database(
                f"{layer.capitalize()}Database",
                CatalogId=AccountId,
                DatabaseInput=glue.DatabaseInput(
                    Name=name,
                    Description=f"Tables of layer {layer}",
                    Parameters={STACK_TAG: settings.production.name},
                ),
                Condition="MakesDatabases",
                **KEPT,
            )
        )
    return made


def _bucket(made: Template, title: str, lifetimes: dict[str, int], tags: Tags) -> None:
    existing = made.add_parameter(
        Parameter(f"Existing{title}", Type="String", Default="", Description=f"A bucket to take as the {title}")
    )
    condition = made.add_condition(f"Makes{title}", Equals(Ref(existing), ""))
    rules = [
        s3.LifecycleRule(
            Id="unfinished-uploads",
            Status="Enabled",
            AbortIncompleteMultipartUpload=s3.AbortIncompleteMultipartUpload(DaysAfterInitiation=UPLOAD_DAYS),
        )
    ]
    rules += [
        s3.LifecycleRule(Id=f"after-{days}-days", Status="Enabled", Prefix=prefix, ExpirationInDays=days)
        for prefix, days in lifetimes.items()
    ]
    encrypted = s3.ServerSideEncryptionByDefault(SSEAlgorithm="AES256")
    bucket = made.add_resource(
        s3.Bucket(
            title,
            BucketEncryption=s3.BucketEncryption(
                ServerSideEncryptionConfiguration=[s3.ServerSideEncryptionRule(ServerSideEncryptionByDefault=encrypted)]
            ),
            PublicAccessBlockConfiguration=s3.PublicAccessBlockConfiguration(
                BlockPublicAcls=True, BlockPublicPolicy=True, IgnorePublicAcls=True, RestrictPublicBuckets=True
            ),
            LifecycleConfiguration=s3.LifecycleConfiguration(Rules=rules),
            Condition=condition,
            Tags=tags,
            **({"VersioningConfiguration": s3.VersioningConfiguration(Status="Enabled")} if title in VERSIONED else {}),
            **KEPT,
        )
    )
    made.add_resource(
        s3.BucketPolicy(
            f"{title}Policy", Bucket=Ref(bucket), PolicyDocument=tls_only(title), Condition=condition, **KEPT
        )
    )
    made.add_output(Output(title, Value=If(condition, Ref(bucket), Ref(existing)), Description=f"Name of the {title}"))
