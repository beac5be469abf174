"""Which actions and resources a call is checked against, and what a role's policies say to them."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
import requests
from botocore.exceptions import ClientError

from local_stack.aws.account import client
from local_stack.aws.authorisation import allows
from local_stack.aws.permissions import Call, Lookup, NotUnderstood, Permission, needed
from tests.aws import Cloud

CLUSTER = "arn:aws:elasticmapreduce:us-east-1:123456789012:cluster/j-1"
TAG = "elasticmapreduce:ResourceTag/pipeline:stack"
KEY = "arn:aws:kms:us-east-1:123456789012:key/ours"
LOOKUP = Lookup(
    role_of_profile=lambda name: f"arn:aws:iam::123456789012:role/of-{name}",
    key_of_topic=lambda topic: "arn:k" if topic == "arn:encrypted" else "",
    tags_of_cluster=lambda _: {"pipeline:stack": "ours"},
    key_of_secret=lambda name: KEY if name == "under/key" else None,
)


def json_call(service: str, action: str, **given: Any) -> Call:
    return Call(service, "POST", "/", headers={"x-amz-target": f"Any_2012.{action}"}, body=json.dumps(given).encode())


def asked(call: Call) -> list[tuple[str, str]]:
    return [(each.action, each.resource) for each in needed(call, LOOKUP)]


def s3(method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None, **query: str) -> Call:
    named = {name.replace("_", "-"): value for name, value in query.items()}
    return Call("s3", method, path, named, headers or {}, body)


@pytest.mark.parametrize(
    ("call", "resource"),
    [
        (json_call("dynamodb", "UpdateItem", TableName="t"), "arn:aws:dynamodb:us-east-1:123456789012:table/t"),
        (
            json_call("secretsmanager", "GetSecretValue", SecretId="a/key"),
            "arn:aws:secretsmanager:us-east-1:123456789012:secret:a/key-??????",
        ),
        (json_call("states", "StartExecution", stateMachineArn="arn:m"), "arn:m"),
        (
            json_call("sqs", "SendMessage", QueueUrl="http://127.0.0.1:1/123456789012/q"),
            "arn:aws:sqs:us-east-1:123456789012:q",
        ),
        (Call("sns", "POST", "/", body=b"Action=Publish&TopicArn=arn%3At&Message=m"), "arn:t"),
        (s3("GET", "/lake/a/dt=1/x.parquet"), "arn:aws:s3:::lake/a/dt=1/x.parquet"),
    ],
)
def test_call_is_checked_against_what_its_arguments_name(call: Call, resource: str) -> None:
    assert [found for _, found in asked(call)] == [resource]


def test_secret_under_a_key_of_the_account_needs_that_key_too() -> None:
    call = json_call("secretsmanager", "GetSecretValue", SecretId="under/key")
    assert needed(call, LOOKUP) == (
        Permission(
            "secretsmanager:GetSecretValue", "arn:aws:secretsmanager:us-east-1:123456789012:secret:under/key-??????"
        ),
        Permission("kms:Decrypt", KEY, {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"}),
    )


def test_call_of_a_cluster_carries_its_tags() -> None:
    call = json_call("elasticmapreduce", "TerminateJobFlows", JobFlowIds=["j-1"])
    assert needed(call, LOOKUP) == (Permission("elasticmapreduce:TerminateJobFlows", CLUSTER, {TAG: "ours"}),)


def test_message_to_an_encrypted_topic_needs_its_key() -> None:
    call = Call("sns", "POST", "/", body=b"Action=Publish&TopicArn=arn%3Aencrypted&Message=m")
    assert asked(call) == [
        ("sns:Publish", "arn:encrypted"),
        ("kms:GenerateDataKey", "arn:k"),
        ("kms:Decrypt", "arn:k"),
    ]


def test_new_cluster_hands_over_two_roles_and_is_tagged() -> None:
    call = json_call(
        "elasticmapreduce",
        "RunJobFlow",
        ServiceRole="emr",
        JobFlowRole="profile",
        Tags=[{"Key": "a", "Value": "b"}],
        AutoTerminationPolicy={"IdleTimeout": 60},
    )
    every, roles = CLUSTER.replace("j-1", "*"), "arn:aws:iam::123456789012:role/"
    assert needed(call, LOOKUP) == (
        Permission("elasticmapreduce:RunJobFlow", "*", {"elasticmapreduce:RequestTag/a": "b"}),
        Permission("iam:PassRole", f"{roles}emr", {"iam:PassedToService": "elasticmapreduce.amazonaws.com"}),
        Permission("iam:PassRole", f"{roles}of-profile", {"iam:PassedToService": "ec2.amazonaws.com"}),
        Permission("elasticmapreduce:AddTags", every),
        Permission("elasticmapreduce:PutAutoTerminationPolicy", every),
    )


def test_table_of_glue_needs_its_database_and_the_catalog() -> None:
    call = json_call("glue", "UpdateTable", DatabaseName="final", TableInput={"Name": "facts"})
    prefix = "arn:aws:glue:us-east-1:123456789012:"
    places = ("catalog", "database/final", "table/final/facts")
    assert asked(call) == [("glue:UpdateTable", f"{prefix}{each}") for each in places]


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (s3("HEAD", "/b/k"), [("s3:GetObject", "b/k")]),
        (s3("PUT", "/b/k"), [("s3:PutObject", "b/k")]),
        (s3("PUT", "/b/k", partNumber="1", uploadId="u"), [("s3:PutObject", "b/k")]),
        (s3("POST", "/b/k", uploads=""), [("s3:PutObject", "b/k")]),
        (s3("DELETE", "/b/k"), [("s3:DeleteObject", "b/k")]),
        (s3("DELETE", "/b/k", uploadId="u"), [("s3:AbortMultipartUpload", "b/k")]),
        (
            s3("PUT", "/b/k", headers={"x-amz-copy-source": "/from/a%3Db"}),
            [("s3:GetObject", "from/a=b"), ("s3:PutObject", "b/k")],
        ),
        (s3("GET", "/b", list_type="2", prefix="k"), [("s3:ListBucket", "b")]),
        (s3("HEAD", "/b/"), [("s3:ListBucket", "b")]),
        (s3("GET", "/b", location=""), [("s3:GetBucketLocation", "b")]),
        (
            s3(
                "POST",
                "/b",
                b'<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Object><Key>x</Key></Object>'
                b"<Object><Key>y</Key></Object></Delete>",
                delete="",
            ),
            [("s3:DeleteObject", "b/x"), ("s3:DeleteObject", "b/y")],
        ),
    ],
)
def test_request_of_s3_is_checked_as_what_it_does(call: Call, expected: list[tuple[str, str]]) -> None:
    assert asked(call) == [(action, f"arn:aws:s3:::{place}") for action, place in expected]


@pytest.mark.parametrize(
    ("call", "refused"),
    [
        (json_call("glue", "GetPartitions", TableName="t"), "glue:GetPartitions: its resource is not known here"),
        (Call("sns", "GET", "/"), "sns: GET / is no call of JSON or of a form"),
        (s3("GET", "/b/k", tagging=""), "s3: GET /b/k with tagging"),
        (s3("PUT", "/b"), "s3: PUT of a bucket, /b"),
    ],
)
def test_call_that_is_not_known_is_refused_by_name(call: Call, refused: str) -> None:
    with pytest.raises(NotUnderstood) as error:
        needed(call, LOOKUP)
    assert str(error.value) == refused


def statement(action: str, resource: str, effect: str = "Allow", **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": [action], "Resource": [resource], **more}


def allowed(*statements: dict[str, Any], **context: str) -> bool:
    """Whether adding a step to the cluster is."""
    permission = Permission("elasticmapreduce:AddJobFlowSteps", CLUSTER, context)
    return allows([{"Statement": list(statements)}], permission)


ADD = "elasticmapreduce:AddJobFlowSteps"
OURS = {"StringEquals": {TAG: "ours"}}


def test_exact_action_on_the_scoped_resource_is_allowed() -> None:
    assert allowed(statement(ADD, CLUSTER.replace("j-1", "*")))


@pytest.mark.parametrize(
    "other",
    [
        statement("elasticmapreduce:DescribeStep", CLUSTER),
        statement(ADD, CLUSTER.replace("j-1", "j-2")),
        statement(ADD, CLUSTER, Condition=OURS),
    ],
    ids=["another action", "another resource", "a tag that the cluster has not got"],
)
def test_what_no_statement_allows_is_denied(other: dict[str, Any]) -> None:
    assert not allowed(other)


def test_condition_counts_for_its_own_statement_only() -> None:
    theirs = statement(ADD, CLUSTER, Condition={"StringEquals": {TAG: "theirs"}})
    assert allowed(theirs, statement(ADD, CLUSTER, Condition=OURS), **{TAG: "ours"})
    assert not allowed(theirs, **{TAG: "ours"})


def test_denial_wins() -> None:
    assert not allowed(statement(ADD, "*"), statement(ADD, CLUSTER, effect="Deny"))


@pytest.mark.parametrize(
    ("unknown", "said"),
    [
        (statement(ADD, "*", NotAction=["s3:*"]), "a policy with NotAction"),
        (statement(ADD, "arn:?"), r"a policy with \? in a pattern"),
        (
            statement(ADD, "*", Condition={"StringLike": {TAG: "o*"}}),
            f"{ADD}: a policy with the condition StringLike {TAG}",
        ),
        (
            statement(ADD, "*", Condition={"StringEquals": {"aws:SourceVpc": "v"}}),
            f"{ADD}: a policy with the condition StringEquals aws:SourceVpc",
        ),
    ],
)
def test_policy_that_is_not_understood_is_refused(unknown: dict[str, Any], said: str) -> None:
    with pytest.raises(NotUnderstood, match=said):
        allowed(unknown)


@pytest.fixture
def reader(cloud: Cloud) -> Iterator[Any]:
    """Clients of a role that may read under `open/` in a bucket, and one table; it is checked while it exists."""
    endpoint, bucket = str(cloud.settings.aws.endpoint), "authorised"
    iam = client("iam", endpoint)
    cloud.s3.create_bucket(Bucket=bucket)
    for key in ("open/a", "closed/a"):
        cloud.s3.put_object(Bucket=bucket, Key=key, Body=b"a")
    role = iam.create_role(RoleName="reader", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    open_only = statement("s3:GetObject", f"arn:aws:s3:::{bucket}/open/*")
    table = statement("dynamodb:GetItem", "arn:aws:dynamodb:us-east-1:123456789012:table/not-there")
    secret = statement("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:us-east-1:123456789012:secret:*")
    through = {"StringEquals": {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"}}
    key = statement("kms:Decrypt", KEY, Condition=through)
    policy = {"Version": "2012-10-17", "Statement": [open_only, table, secret, key]}
    iam.put_role_policy(RoleName="reader", PolicyName="exact", PolicyDocument=json.dumps(policy))
    taken = client("sts", endpoint).assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    session = boto3.Session(taken["AccessKeyId"], taken["SecretAccessKey"], taken["SessionToken"], "us-east-1")
    switch(cloud, on=True)
    try:
        yield lambda service: session.client(service, endpoint_url=endpoint)
    finally:
        switch(cloud, on=False)
        iam.delete_role_policy(RoleName="reader", PolicyName="exact")
        iam.delete_role(RoleName="reader")


def switch(cloud: Cloud, *, on: bool) -> list[str]:
    answer = requests.put(cloud.faults, json={"authorise": on}, timeout=10)
    answer.raise_for_status()
    refused: list[str] = answer.json()
    return refused


def test_role_is_denied_what_its_policy_lacks_and_told_which_action(cloud: Cloud, reader: Any) -> None:
    assert reader("s3").get_object(Bucket="authorised", Key="open/a")["Body"].read() == b"a"
    with pytest.raises(ClientError) as denied:
        reader("s3").get_object(Bucket="authorised", Key="closed/a")
    said = (
        "User: arn:aws:sts::123456789012:assumed-role/reader/test is not authorized to perform: s3:GetObject on "
        "resource: arn:aws:s3:::authorised/closed/a because no identity-based policy allows the s3:GetObject action"
    )
    assert denied.value.response["Error"] == {"Code": "AccessDenied", "Message": said}
    with pytest.raises(ClientError, match=r"\(AccessDeniedException\).* perform: dynamodb:GetItem on resource"):
        reader("dynamodb").get_item(TableName="t", Key={"pk": {"S": "a"}})
    with pytest.raises(ClientError, match=r"\(AuthorizationError\).* perform: sns:Publish on resource: arn:t "):
        reader("sns").publish(TopicArn="arn:t", Message="m")
    with pytest.raises(ClientError, match=r"\(NotEmulated\).*secretsmanager:ListSecrets"):
        reader("secretsmanager").list_secrets()
    assert switch(cloud, on=True)[0] == said
    assert cloud.s3.get_object(Bucket="authorised", Key="closed/a")["Body"].read() == b"a"  # the person


def test_secret_is_read_with_the_key_that_it_is_under(cloud: Cloud, reader: Any) -> None:
    secrets = client("secretsmanager", str(cloud.settings.aws.endpoint))
    for name, key in (("ours", KEY), ("theirs", KEY.replace("ours", "theirs"))):
        secrets.create_secret(Name=name, SecretString="it", KmsKeyId=key)
    assert reader("secretsmanager").get_secret_value(SecretId="ours")["SecretString"] == "it"
    with pytest.raises(ClientError, match=r"perform: kms:Decrypt on resource: .*/theirs because no identity-based"):
        reader("secretsmanager").get_secret_value(SecretId="theirs")


def test_call_that_is_allowed_reaches_the_service_with_its_arguments(reader: Any) -> None:
    with pytest.raises(ClientError, match=r"\(ResourceNotFoundException\).*GetItem"):
        reader("dynamodb").get_item(TableName="not-there", Key={"pk": {"S": "a"}})


def test_nothing_is_checked_while_it_is_off(cloud: Cloud, reader: Any) -> None:
    switch(cloud, on=False)
    assert reader("s3").get_object(Bucket="authorised", Key="closed/a")["Body"].read() == b"a"
    assert switch(cloud, on=False) == []
