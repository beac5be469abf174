"""What the deployed code location may do, as the committed template says it."""

import json
from typing import Any

from troposphere import encode_to_dict

from emr_jobs.core import settings as settings_module
from emr_jobs.core.settings import Lineage, of_a_deployment
from local_stack.aws.cloudformation.template import Resolver
from pipeline_assets.emr.clusters import INSTANCE_TAG
from pipeline_assets.home import ROOT
from pipeline_assets.production.generate.dagster_policy import dagster_statements
from pipeline_assets.production.generate.daily_machine import CLAIMED
from pipeline_assets.production.generate.tags import STACK_TAG

TEMPLATE = json.loads((ROOT / "deployment/pipeline.template.json").read_text())
BUCKET = "b" * 63  # as long as a name may be
POLICY_SIZE = 6144  # of a managed policy, without white space


def statements() -> list[dict[str, Any]]:
    """Of DagsterPolicy, in an account with long names."""
    account = {"AWS::Partition": "aws", "AWS::Region": "ap-southeast-1", "AWS::AccountId": "123456789012"}
    given = {name: each.get("Default", BUCKET) for name, each in TEMPLATE["Parameters"].items()}
    arn = f"arn:aws:iam::123456789012:role/{'r' * 64}"
    made = {name: {"Ref": arn, "Arn": arn} for name in TEMPLATE["Resources"]}
    key = {"SecretsKey": f"arn:aws:kms:ap-southeast-1:123456789012:key/{'k' * 36}"}
    policy = Resolver(TEMPLATE, {**given, **account, **key}, made).value(
        TEMPLATE["Resources"]["DagsterPolicy"]["Properties"]
    )
    found: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    return found


def resources_of(action: str) -> list[str]:
    return [resource for each in statements() if action in each["Action"] for resource in each["Resource"]]


def condition_of(action: str) -> dict[str, Any]:
    (statement,) = [each for each in statements() if action in each["Action"]]
    found: dict[str, Any] = statement["Condition"]
    return found


def is_read(action: str) -> bool:
    verb = action.partition(":")[2].removeprefix("ESHttp")
    return verb.startswith(("Get", "List", "Describe", "Head"))


def test_what_it_may_change_is_no_production() -> None:
    changing = {action for each in statements() for action in each["Action"] if not is_read(action)}
    assert changing == {
        "sns:Publish",
        "kms:Decrypt",  # also of the secrets that it reads
        "kms:GenerateDataKey",
        "s3:PutObject",
        "s3:DeleteObject",
        "s3:AbortMultipartUpload",
        "es:ESHttpPost",
        "elasticmapreduce:RunJobFlow",
        "elasticmapreduce:AddTags",
        "elasticmapreduce:PutAutoTerminationPolicy",
        "elasticmapreduce:AddJobFlowSteps",
        "elasticmapreduce:CancelSteps",
        "elasticmapreduce:TerminateJobFlows",
        "iam:PassRole",
        "iam:CreateServiceLinkedRole",
    }


def test_it_writes_objects_of_its_own_and_counts_documents() -> None:
    written = resources_of("s3:PutObject")
    folders = [resource.removeprefix(f"arn:aws:s3:::{BUCKET}/") for resource in written]
    assert folders == ["pipeline/launched/*", "runs/leases/*", "runs/compute_logs/*"]
    assert [resource.rpartition("/")[2] for resource in resources_of("es:ESHttpPost")] == ["_count"]


def test_openlineage_events_are_written_where_the_settings_say_and_nowhere_else() -> None:
    settings = of_a_deployment(settings_module.load(str(ROOT / "settings/production.toml")))

    def written(url: str | None) -> list[Any]:
        told = settings.model_copy(update={"lineage": url and Lineage(url=url)})
        roles = {
            "service_role": "arn:aws:iam::123456789012:role/a",
            "instance_role": "arn:aws:iam::123456789012:role/b",
        }
        found = encode_to_dict(dagster_statements(told, **roles))
        return [each["Resource"] for each in found if each.get("Action") == ["s3:PutObject"]]

    assert written("s3://events/of/us") == [[{"Fn::Sub": "arn:${AWS::Partition}:s3:::events/of/us/*"}]]
    assert written("https://lineage.example/api/v1/lineage") == written(None) == []


def test_clusters_of_the_daily_run_are_neither_used_nor_ended_nor_tagged() -> None:
    used = {"Null": {f"elasticmapreduce:ResourceTag/{INSTANCE_TAG}": "false"}}
    for action in ("AddJobFlowSteps", "CancelSteps", "TerminateJobFlows"):
        assert condition_of(f"elasticmapreduce:{action}") == used
    for action in ("AddTags", "PutAutoTerminationPolicy"):
        condition = condition_of(f"elasticmapreduce:{action}")
        assert condition == {"Null": {f"elasticmapreduce:ResourceTag/{STACK_TAG}": "true"}}
    states = TEMPLATE["Resources"]["DailyMachine"]["Properties"]["Definition"]["States"]
    tags = json.dumps(states[CLAIMED]["Parameters"]["Tags"])
    assert STACK_TAG in tags
    assert INSTANCE_TAG not in tags


def test_everything_is_named_but_what_has_no_name_yet() -> None:
    assert [action for each in statements() for action in each["Action"] if "*" in action] == []
    anywhere = [each["Action"] for each in statements() if each["Resource"] == ["*"]]
    assert anywhere == [["elasticmapreduce:ListClusters"], ["elasticmapreduce:RunJobFlow"]]


def test_policy_fits_also_with_long_names() -> None:
    document = {"Version": "2012-10-17", "Statement": statements()}
    assert len(json.dumps(document, separators=(",", ":"))) < POLICY_SIZE
