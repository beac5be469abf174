"""Who is told of failures and late days: the topic, its key, who may publish to it.

Does not own: what is told (alarms, messages), the roles of those who publish (machine_roles, dagster_access).
"""

from awacs.aws import Condition, Principal, Statement, StringEquals
from troposphere import GetAtt, Ref, kms, sns

from pipeline_assets.production.generate.main.stack import MainStack
from pipeline_assets.production.generate.policies import allow, document, left_to_iam

_FROM_HERE = Condition(StringEquals({"aws:SourceAccount": Ref("AWS::AccountId")}))  # on behalf of this account


def add_topic(stack: MainStack) -> None:
    stack.add(_key(stack))
    stack.add(
        sns.Topic(
            "AlarmTopic",
            TopicName=f"{stack.production.name}-alarms",
            KmsMasterKeyId=GetAtt("TopicEncryptionKey", "Arn"),
            Tags=stack.tags,
        )
    )
    stack.add(
        sns.SubscriptionResource(
            "AlarmSubscription",
            TopicArn=Ref("AlarmTopic"),
            Protocol="email",
            Endpoint=Ref("AlarmEmail"),
            Condition="HasAlarmEmail",
        )
    )
    publishing = document([_by_alarms(["sns:Publish"], Ref("AlarmTopic"))])
    stack.add(sns.TopicPolicy("AlarmTopicPolicy", Topics=[Ref("AlarmTopic")], PolicyDocument=publishing))
    stack.output("AlarmTopic", Ref("AlarmTopic"), "Failures and late days")


def _key(stack: MainStack) -> kms.Key:
    """Ours, because an alarm may not use the one that SNS brings (alias/aws/sns) and would tell nobody."""
    return kms.Key(
        "TopicEncryptionKey",
        Description=f"Messages of the topic of {stack.production.name}",
        EnableKeyRotation=True,
        KeyPolicy=document([left_to_iam(), _by_alarms(["kms:Decrypt", "kms:GenerateDataKey*"], "*")]),
        Tags=stack.tags,
    )


def _by_alarms(actions: list[str], resource: str | Ref) -> Statement:
    statement = allow(actions, [resource], _FROM_HERE)
    statement.Principal = Principal("Service", "cloudwatch.amazonaws.com")
    return statement
