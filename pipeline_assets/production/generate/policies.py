"""Statements of IAM: exact actions on exact resources, and who may take a role. Pure.

Does not own: which role there is (main).
"""

from collections.abc import Iterable, Sequence
from typing import Any

from awacs.aws import Action, Allow, Condition, Deny, PolicyDocument, Principal, Statement, StringEquals
from awacs.aws import Bool as AwsBool
from emr_jobs.contracts import Contract
from emr_jobs.contracts.table import table_identifier
from troposphere import AccountId, GetAtt, If, NoValue, Ref, Sub, iam

SECRETS_KEY = "SecretsKey"  # parameter of the main stack


def allow(actions: Sequence[str], resources: Sequence[Any], condition: Condition | None = None) -> Statement:
    """`actions` as `service:Action`."""
    return Statement(
        Effect=Allow,
        Action=[Action(*each.split(":")) for each in actions],
        Resource=list(resources),
        **({"Condition": condition} if condition else {}),
    )


def pass_role(roles: Sequence[Any], service: str) -> Statement:
    return allow(["iam:PassRole"], roles, Condition(StringEquals("iam:PassedToService", service)))


class WhereGiven(Statement):
    """That the stack has only where this optional parameter is given."""

    def __init__(self, parameter: str, statement: Statement) -> None:
        super().__init__(**statement.properties)
        self.__dict__["_condition"] = condition_of(parameter)  # awacs takes no attribute that is no property

    def JSONrepr(self) -> If:  # noqa: N802  # awacs' name
        return If(self.__dict__["_condition"], super().JSONrepr(), NoValue)


def condition_of(parameter: str) -> str:
    """Name of the condition that this optional parameter is given."""
    return f"Has{parameter}"


def read_secrets(references: Iterable[str]) -> list[Statement]:
    """Each `aws:NAME`. A key of the account's own is used through Secrets Manager only."""
    names = [each.removeprefix("aws:") for each in references]
    if not names:
        return []
    # Secrets Manager puts six characters behind the name.
    prefix = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:"
    through = Condition(StringEquals("kms:ViaService", Sub("secretsmanager.${AWS::Region}.amazonaws.com")))
    return [
        allow(["secretsmanager:GetSecretValue"], [Sub(f"{prefix}{name}-*") for name in names]),
        WhereGiven(SECRETS_KEY, allow(["kms:Decrypt"], [Ref(SECRETS_KEY)], through)),
    ]


def publish() -> list[Statement]:
    """To the topic, whose messages are encrypted on behalf of whoever publishes."""
    return [
        allow(["sns:Publish"], [Ref("AlarmTopic")]),
        allow(["kms:Decrypt", "kms:GenerateDataKey"], [GetAtt("TopicEncryptionKey", "Arn")]),
    ]


def cleanup_role() -> Statement:
    """The role by which EMR itself cleans up; RunJobFlow makes it once per account."""
    return _service_linked("elasticmapreduce.amazonaws.com", "AWSServiceRoleForEMRCleanup")


def spot_role() -> Statement:
    """The role by which EC2 asks for spot instances; the first request makes it once per account."""
    return _service_linked("spot.amazonaws.com", "AWSServiceRoleForEC2Spot")


def _service_linked(service: str, name: str) -> Statement:
    made = f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/aws-service-role/{service}/{name}*"
    return allow(["iam:CreateServiceLinkedRole"], [Sub(made)], Condition(StringEquals("iam:AWSServiceName", service)))


def databases(tables: Sequence[Contract], prefix: str) -> dict[str, str]:
    """Of Glue: one for each layer, by layer."""
    return {table.layer: table_identifier(table, prefix)[0] for table in sorted(tables, key=lambda each: each.layer)}


def catalog_arns(tables: Sequence[Contract], prefix: str) -> list[Sub]:
    """Of Glue: the catalog, the databases of these tables, the tables."""
    named = ["catalog", *(f"database/{database}" for database in databases(tables, prefix).values())]
    named += [f"table/{'/'.join(table_identifier(table, prefix))}" for table in tables]
    return [Sub(f"arn:${{AWS::Partition}}:glue:${{AWS::Region}}:${{AWS::AccountId}}:{each}") for each in named]


def role(title: str, service: str, statements: Sequence[Statement], *, source: Any = None, **more: Any) -> iam.Role:
    """A role that one service takes, for this account only; `source` is the ARN on whose behalf."""
    behalf: dict[str, Any] = {"aws:SourceAccount": AccountId, **({"aws:SourceArn": source} if source else {})}
    trust = Statement(
        Effect=Allow,
        Principal=Principal("Service", service),
        Action=[Action("sts", "AssumeRole")],
        **(
            {} if service == "ec2.amazonaws.com" else {"Condition": Condition(StringEquals(behalf))}
        ),  # EC2 sends no source
    )
    policies = [iam.Policy(PolicyName="exact", PolicyDocument=document(statements))] if statements else []
    return iam.Role(title, AssumeRolePolicyDocument=document([trust]), Policies=policies, **more)


def document(statements: Sequence[Statement]) -> PolicyDocument:
    return PolicyDocument(Version="2012-10-17", Statement=list(statements))


def left_to_iam() -> Statement:
    """Of a key: who of the account may use it is what their roles say."""
    statement = allow(["kms:*"], ["*"])
    statement.Principal = Principal("AWS", Sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:root"))
    return statement


def tls_only(bucket: str) -> PolicyDocument:
    """Of the bucket with this title."""
    return document(
        [
            Statement(
                Effect=Deny,
                Principal=Principal("*"),
                Action=[Action("s3", "*")],
                Resource=[GetAtt(bucket, "Arn"), Sub(f"${{{bucket}.Arn}}/*")],
                Condition=Condition(AwsBool({"aws:SecureTransport": "false"})),
            )
        ]
    )
