"""Resources made, changed and deleted through their services' own APIs, one entry a type.

Refused loudly: a type or a property that is not here. A change is the same call again where the API allows, else the
resource is deleted and made anew.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3

from local_stack.aws import ACCOUNT, REGION

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import LifecycleRuleTypeDef
    from mypy_boto3_sqs.literals import QueueAttributeNameType

Properties = dict[str, Any]
Attributes = dict[str, Any]  # Ref, and what GetAtt gives
_SUBSTITUTION = re.compile(r"\$\{(\w+)\}")


class Refused(Exception):
    """Says what is not emulated, or what AWS refuses."""


@dataclass(frozen=True)
class Kind:
    """`put` makes it, or, when it `updates`, changes it.

    Whether it is as it was made: `drifted`, or `live`, which gives the properties as they are, None when it is gone.
    """

    properties: set[str]
    put: Callable[[str, Properties, Attributes | None], Attributes]  # name, properties, what is there
    delete: Callable[[Attributes], object]
    updates: bool = True
    drifted: Callable[[Properties, Attributes], bool] | None = None
    live: Callable[[Properties, Attributes], Properties | None] | None = None

    def is_drifted(self, given: Properties, there: Attributes) -> bool:
        if self.drifted:
            return self.drifted(given, there)
        return self.live is not None and self.live(given, there) != given


def kind_of(logical_id: str, resource: dict[str, Any]) -> Kind:
    kind = KINDS.get(resource["Type"])
    if kind is None:
        raise Refused(f"{logical_id}: type {resource['Type']} is not emulated")
    unknown = set(resource.get("Properties", {})) - kind.properties - {"Tags"}
    if unknown:
        raise Refused(f"{logical_id}: {resource['Type']} with {', '.join(sorted(unknown))} is not emulated")
    return kind


def _bucket(name: str, given: Properties, there: Attributes | None) -> Attributes:
    s3, bucket = boto3.client("s3"), given.get("BucketName", name.lower())
    if there is None:
        s3.create_bucket(Bucket=bucket)
    rules = given.get("LifecycleConfiguration", {}).get("Rules", [])
    if rules:
        translated: list[LifecycleRuleTypeDef] = []
        for rule in rules:
            made: LifecycleRuleTypeDef = {
                "ID": rule["Id"],
                "Status": rule["Status"],
                "Filter": {"Prefix": rule.get("Prefix", "")},
            }
            if "ExpirationInDays" in rule:
                made["Expiration"] = {"Days": rule["ExpirationInDays"]}
            if "AbortIncompleteMultipartUpload" in rule:
                made["AbortIncompleteMultipartUpload"] = rule["AbortIncompleteMultipartUpload"]
            translated.append(made)
        s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": translated})
    if "VersioningConfiguration" in given:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=given["VersioningConfiguration"])
    if "PublicAccessBlockConfiguration" in given:
        s3.put_public_access_block(
            Bucket=bucket, PublicAccessBlockConfiguration=given["PublicAccessBlockConfiguration"]
        )
    return {"Ref": bucket, "Arn": f"arn:aws:s3:::{bucket}"}


def _bucket_policy(name: str, given: Properties, there: Attributes | None) -> Attributes:
    """Not put: moto does not read conditions, and would refuse everything; loopback has no TLS to ask for."""
    for statement in given["PolicyDocument"]["Statement"]:
        if statement.get("Condition") != {"Bool": {"aws:SecureTransport": "false"}}:
            raise Refused(f"{name}: a bucket policy that asks for more than TLS")
    return {"Ref": given["Bucket"]}


def _table(name: str, given: Properties, there: Attributes | None) -> Attributes:
    dynamodb = boto3.client("dynamodb")
    made = dynamodb.create_table(
        TableName=name,
        KeySchema=given["KeySchema"],
        AttributeDefinitions=given["AttributeDefinitions"],
        BillingMode=given["BillingMode"],
    )
    if "TimeToLiveSpecification" in given:
        dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=given["TimeToLiveSpecification"])
    return {"Ref": name, "Arn": made["TableDescription"]["TableArn"]}


def _database(name: str, given: Properties, there: Attributes | None) -> Attributes:
    boto3.client("glue").create_database(DatabaseInput=given["DatabaseInput"])
    return {"Ref": given["DatabaseInput"]["Name"]}


def _topic(name: str, given: Properties, there: Attributes | None) -> Attributes:
    sns = boto3.client("sns")
    arn = sns.create_topic(Name=given.get("TopicName", name))["TopicArn"]
    key = given.get("KmsMasterKeyId", "")
    sns.set_topic_attributes(TopicArn=arn, AttributeName="KmsMasterKeyId", AttributeValue=key)
    return {"Ref": arn, "TopicArn": arn, "TopicName": given.get("TopicName", name)}


def _topic_policy(name: str, given: Properties, there: Attributes | None) -> Attributes:
    for topic in given["Topics"]:
        boto3.client("sns").set_topic_attributes(
            TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps(given["PolicyDocument"])
        )
    return {"Ref": name}


def _subscription(name: str, given: Properties, there: Attributes | None) -> Attributes:
    return {"Ref": boto3.client("sns").subscribe(**given, ReturnSubscriptionArn=True)["SubscriptionArn"]}


def _queue(name: str, given: Properties, there: Attributes | None) -> Attributes:
    sqs = boto3.client("sqs")
    named: dict[QueueAttributeNameType, str] = {}
    if "MessageRetentionPeriod" in given:
        named["MessageRetentionPeriod"] = str(given["MessageRetentionPeriod"])
    url = sqs.create_queue(QueueName=name, Attributes=named)["QueueUrl"]
    return {"Ref": url, "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}", "QueueName": name}


def _queue_policy(name: str, given: Properties, there: Attributes | None) -> Attributes:
    for queue in given["Queues"]:
        boto3.client("sqs").set_queue_attributes(
            QueueUrl=queue, Attributes={"Policy": json.dumps(given["PolicyDocument"])}
        )
    return {"Ref": name}


def _log_group(name: str, given: Properties, there: Attributes | None) -> Attributes:
    logs, group = boto3.client("logs"), given["LogGroupName"]
    if there is None:
        logs.create_log_group(logGroupName=group)
    logs.put_retention_policy(logGroupName=group, retentionInDays=given["RetentionInDays"])
    return {"Ref": group, "Arn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}:*"}


def _role(name: str, given: Properties, there: Attributes | None) -> Attributes:
    iam = boto3.client("iam")
    if there is None:
        made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(given["AssumeRolePolicyDocument"]))
        there = {"Ref": name, "Arn": made["Role"]["Arn"], "RoleId": made["Role"]["RoleId"]}
    for policy in given.get("Policies", []):
        iam.put_role_policy(
            RoleName=name, PolicyName=policy["PolicyName"], PolicyDocument=json.dumps(policy["PolicyDocument"])
        )
    for arn in given.get("ManagedPolicyArns", []):
        if not arn.startswith("arn:aws:iam::aws:"):
            raise Refused(f"{name}: managed policy {arn}")
    return there


def _delete_role(there: Attributes) -> None:
    iam = boto3.client("iam")
    for policy in iam.list_role_policies(RoleName=there["Ref"])["PolicyNames"]:
        iam.delete_role_policy(RoleName=there["Ref"], PolicyName=policy)
    iam.delete_role(RoleName=there["Ref"])


def _live_role(given: Properties, there: Attributes) -> Properties | None:
    iam, name = boto3.client("iam"), there["Ref"]
    try:
        trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    except iam.exceptions.NoSuchEntityException:
        return None
    named = [each["PolicyName"] for each in given.get("Policies", [])]
    names = [*named, *(each for each in iam.list_role_policies(RoleName=name)["PolicyNames"] if each not in named)]
    policies = [
        {"PolicyName": each, "PolicyDocument": iam.get_role_policy(RoleName=name, PolicyName=each)["PolicyDocument"]}
        for each in names
    ]
    return {**given, "AssumeRolePolicyDocument": trust, **({"Policies": policies} if policies else {})}


def _live_policy(given: Properties, there: Attributes) -> Properties | None:
    iam, arn = boto3.client("iam"), there["Ref"]
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    found = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    return {**given, "PolicyDocument": found}


def _live_alarm(given: Properties, there: Attributes) -> Properties | None:
    found: Sequence[Mapping[str, Any]] = boto3.client("cloudwatch").describe_alarms(AlarmNames=[there["Ref"]])[
        "MetricAlarms"
    ]
    return {**given, **{name: found[0][name] for name in ALARM & set(given)}} if found else None


def _managed_policy(name: str, given: Properties, there: Attributes | None) -> Attributes:
    iam, document, roles = boto3.client("iam"), json.dumps(given["PolicyDocument"]), given.get("Roles", [])
    if there is None:
        arn = iam.create_policy(PolicyName=name, PolicyDocument=document)["Policy"]["Arn"]
    else:
        arn = there["Ref"]
        before = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=document, SetAsDefault=True)
        iam.delete_policy_version(PolicyArn=arn, VersionId=before)
        for role in there["Roles"]:
            iam.detach_role_policy(RoleName=role, PolicyArn=arn)
    for role in roles:
        iam.attach_role_policy(RoleName=role, PolicyArn=arn)
    return {"Ref": arn, "PolicyArn": arn, "Roles": roles}


def _delete_managed_policy(there: Attributes) -> None:
    """From the template's own roles it is detached; that others have it, moto does not mind."""
    iam = boto3.client("iam")
    for role in there["Roles"]:
        iam.detach_role_policy(PolicyArn=there["Ref"], RoleName=role)
    having = iam.list_entities_for_policy(PolicyArn=there["Ref"])
    if any(having[kind] for kind in ("PolicyRoles", "PolicyUsers", "PolicyGroups")):
        raise Refused("DeleteConflict: Cannot delete a policy attached to entities.")
    iam.delete_policy(PolicyArn=there["Ref"])


def _profile(name: str, given: Properties, there: Attributes | None) -> Attributes:
    arn = boto3.client("iam").create_instance_profile(InstanceProfileName=name)["InstanceProfile"]["Arn"]
    for role in given["Roles"]:
        boto3.client("iam").add_role_to_instance_profile(InstanceProfileName=name, RoleName=role)
    return {"Ref": name, "Arn": arn}


def _delete_profile(there: Attributes) -> None:
    iam = boto3.client("iam")
    for role in iam.get_instance_profile(InstanceProfileName=there["Ref"])["InstanceProfile"]["Roles"]:
        iam.remove_role_from_instance_profile(InstanceProfileName=there["Ref"], RoleName=role["RoleName"])
    iam.delete_instance_profile(InstanceProfileName=there["Ref"])


def _key(name: str, given: Properties, there: Attributes | None) -> Attributes:
    made = boto3.client("kms").create_key(Description=given["Description"], Policy=json.dumps(given["KeyPolicy"]))
    return {"Ref": made["KeyMetadata"]["KeyId"], "Arn": made["KeyMetadata"]["Arn"]}


def _security(name: str, given: Properties, there: Attributes | None) -> Attributes:
    boto3.client("emr").create_security_configuration(
        Name=name, SecurityConfiguration=json.dumps(given["SecurityConfiguration"])
    )
    return {"Ref": name}


def _definition(given: Properties) -> str:
    return json.dumps(_substituted(given["Definition"], given.get("DefinitionSubstitutions", {})))


def _machine_drifted(given: Properties, there: Attributes) -> bool:
    live = boto3.client("stepfunctions").describe_state_machine(stateMachineArn=there["Ref"])
    return bool(live["definition"] != _definition(given))


def _machine(name: str, given: Properties, there: Attributes | None) -> Attributes:
    definition = _definition(given)
    states = boto3.client("stepfunctions")
    if there is not None:
        states.update_state_machine(stateMachineArn=there["Ref"], definition=definition, roleArn=given["RoleArn"])
        return there
    made = states.create_state_machine(
        name=given["StateMachineName"], definition=definition, roleArn=given["RoleArn"], type=given["StateMachineType"]
    )
    arn = made["stateMachineArn"]
    return {"Ref": arn, "Arn": arn, "Name": given["StateMachineName"]}


def _substituted(value: Any, names: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        return {key: _substituted(each, names) for key, each in value.items()}
    if isinstance(value, list):
        return [_substituted(each, names) for each in value]
    if isinstance(value, str):
        missing = set(_SUBSTITUTION.findall(value)) - set(names)
        if missing:
            raise Refused(f"definition: no substitution for {', '.join(sorted(missing))}")
        return _SUBSTITUTION.sub(lambda found: str(names[found[1]]), value)
    return value


def _group(name: str, given: Properties, there: Attributes | None) -> Attributes:
    arn = boto3.client("scheduler").create_schedule_group(Name=given["Name"])["ScheduleGroupArn"]
    return {"Ref": given["Name"], "Arn": arn}


def _schedule(name: str, given: Properties, there: Attributes | None) -> Attributes:
    call = boto3.client("scheduler").create_schedule if there is None else boto3.client("scheduler").update_schedule
    arn = call(**given)["ScheduleArn"]
    return {"Ref": given["Name"], "Arn": arn, "Group": given["GroupName"]}


def _schedule_drifted(given: Properties, there: Attributes) -> bool:
    live: Mapping[str, Any] = boto3.client("scheduler").get_schedule(Name=there["Ref"], GroupName=there["Group"])
    return any(live[name] != value for name, value in given.items())


def _rule(name: str, given: Properties, there: Attributes | None) -> Attributes:
    events = boto3.client("events")
    arn = events.put_rule(Name=name, EventPattern=json.dumps(given["EventPattern"]))["RuleArn"]
    events.put_targets(Rule=name, Targets=given["Targets"])
    return {"Ref": name, "Arn": arn}


def _delete_rule(there: Attributes) -> None:
    events = boto3.client("events")
    targets = [each["Id"] for each in events.list_targets_by_rule(Rule=there["Ref"])["Targets"]]
    events.remove_targets(Rule=there["Ref"], Ids=targets)
    events.delete_rule(Name=there["Ref"])


def _alarm(name: str, given: Properties, there: Attributes | None) -> Attributes:
    boto3.client("cloudwatch").put_metric_alarm(**{key: value for key, value in given.items() if key != "Tags"})
    return {"Ref": given["AlarmName"]}


def _dashboard(name: str, given: Properties, there: Attributes | None) -> Attributes:
    boto3.client("cloudwatch").put_dashboard(**given)
    return {"Ref": given["DashboardName"]}


def _nothing(there: Attributes) -> None:
    """Goes with what it belongs to."""


ALARM = {
    *("AlarmName", "AlarmDescription", "Namespace", "MetricName", "Dimensions", "Statistic", "Period"),
    *("EvaluationPeriods", "Threshold", "ComparisonOperator", "TreatMissingData", "AlarmActions"),
}
SCHEDULE = {
    *("Name", "GroupName", "ScheduleExpression", "ScheduleExpressionTimezone", "FlexibleTimeWindow", "State", "Target"),
}
MACHINE = {
    *("StateMachineName", "StateMachineType", "RoleArn", "Definition", "DefinitionSubstitutions"),
    "LoggingConfiguration",
}
KINDS: dict[str, Kind] = {
    "AWS::S3::Bucket": Kind(
        {
            *("BucketName", "BucketEncryption", "PublicAccessBlockConfiguration", "LifecycleConfiguration"),
            "VersioningConfiguration",
        },
        _bucket,
        lambda there: boto3.client("s3").delete_bucket(Bucket=there["Ref"]),
    ),
    "AWS::S3::BucketPolicy": Kind({"Bucket", "PolicyDocument"}, _bucket_policy, _nothing),
    "AWS::DynamoDB::Table": Kind(
        {
            *("KeySchema", "AttributeDefinitions", "BillingMode", "TimeToLiveSpecification"),
            *("PointInTimeRecoverySpecification", "SSESpecification"),
        },
        _table,
        lambda there: boto3.client("dynamodb").delete_table(TableName=there["Ref"]),
        updates=False,
    ),
    "AWS::Glue::Database": Kind(
        {"CatalogId", "DatabaseInput"},
        _database,
        lambda there: boto3.client("glue").delete_database(Name=there["Ref"]),
        updates=False,
    ),
    "AWS::SNS::Topic": Kind(
        {"TopicName", "KmsMasterKeyId"}, _topic, lambda there: boto3.client("sns").delete_topic(TopicArn=there["Ref"])
    ),
    "AWS::SNS::TopicPolicy": Kind({"Topics", "PolicyDocument"}, _topic_policy, _nothing),
    "AWS::SNS::Subscription": Kind(
        {"TopicArn", "Protocol", "Endpoint"},
        _subscription,
        lambda there: boto3.client("sns").unsubscribe(SubscriptionArn=there["Ref"]),
        updates=False,
    ),
    "AWS::SQS::Queue": Kind(
        {"SqsManagedSseEnabled", "MessageRetentionPeriod"},
        _queue,
        lambda there: boto3.client("sqs").delete_queue(QueueUrl=there["Ref"]),
        updates=False,
    ),
    "AWS::SQS::QueuePolicy": Kind({"Queues", "PolicyDocument"}, _queue_policy, _nothing),
    "AWS::Logs::LogGroup": Kind(
        {"LogGroupName", "RetentionInDays"},
        _log_group,
        lambda there: boto3.client("logs").delete_log_group(logGroupName=there["Ref"]),
    ),
    "AWS::IAM::Role": Kind(
        {"AssumeRolePolicyDocument", "Policies", "ManagedPolicyArns"}, _role, _delete_role, live=_live_role
    ),
    "AWS::IAM::ManagedPolicy": Kind(
        {"PolicyDocument", "Roles"}, _managed_policy, _delete_managed_policy, live=_live_policy
    ),
    "AWS::IAM::InstanceProfile": Kind({"Roles"}, _profile, _delete_profile, updates=False),
    "AWS::KMS::Key": Kind(
        {"Description", "EnableKeyRotation", "KeyPolicy"},
        _key,
        lambda there: boto3.client("kms").schedule_key_deletion(KeyId=there["Ref"]),
        updates=False,
    ),
    "AWS::EMR::SecurityConfiguration": Kind(
        {"SecurityConfiguration"},
        _security,
        lambda there: boto3.client("emr").delete_security_configuration(Name=there["Ref"]),
        updates=False,
    ),
    "AWS::StepFunctions::StateMachine": Kind(
        MACHINE,
        _machine,
        lambda there: boto3.client("stepfunctions").delete_state_machine(stateMachineArn=there["Ref"]),
        drifted=_machine_drifted,
    ),
    "AWS::Scheduler::ScheduleGroup": Kind(
        {"Name"},
        _group,
        lambda there: boto3.client("scheduler").delete_schedule_group(Name=there["Ref"]),
        updates=False,
    ),
    "AWS::Scheduler::Schedule": Kind(
        SCHEDULE,
        _schedule,
        lambda there: boto3.client("scheduler").delete_schedule(Name=there["Ref"], GroupName=there["Group"]),
        drifted=_schedule_drifted,
    ),
    "AWS::Events::Rule": Kind({"Description", "EventPattern", "Targets"}, _rule, _delete_rule),
    "AWS::CloudWatch::Alarm": Kind(
        ALARM,
        _alarm,
        lambda there: boto3.client("cloudwatch").delete_alarms(AlarmNames=[there["Ref"]]),
        live=_live_alarm,
    ),
    "AWS::CloudWatch::Dashboard": Kind(
        {"DashboardName", "DashboardBody"},
        _dashboard,
        lambda there: boto3.client("cloudwatch").delete_dashboards(DashboardNames=[there["Ref"]]),
    ),
}
