"""The deployment as files: committed, deterministic, as cfn-lint wants it, in the order of the asset graph.

Of the committed one this holds whatever the domain that the checkout's settings name.
"""

import json
import math
import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import time
from pathlib import Path
from typing import Any

import pytest

from emr_jobs.core.errors import Misconfigured
from emr_jobs.core.settings import Fleet, load
from emr_jobs.domain import domain_of
from local_stack.aws.cloudformation.template import Resolver
from pipeline_assets.deployment import deployment
from pipeline_assets.home import ROOT, deployment_settings
from pipeline_assets.production.generate.daily_machine import state_name
from pipeline_assets.production.generate.main.starts import schedule_expression
from pipeline_assets.production.generate.synth import BASE, MAIN, write
from tests.domains import LIBRARY
from tests.running import pipeline, typed

COMMITTED, PROFILES = ROOT / "deployment", ROOT / "settings"
DOMAIN = domain_of(load(str(PROFILES / "production.toml")))
KEY = "arn:aws:kms:us-east-1:123456789012:key/of-secrets"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, processes: None) -> Path:
    folder = tmp_path_factory.mktemp("synth") / "deployment"
    ended = typed("synth", "--out", str(folder), home=folder.parent, env={"PIPELINE_PROFILES": str(PROFILES)})
    assert ended.code == 0, ended.err
    return folder


def test_committed_deployment_is_the_generated_one(written: Path) -> None:
    assert contents(written) == contents(COMMITTED), "pipeline synth, then look at git diff deployment/"


def test_same_bytes_again_in_the_place_of_the_first_in_a_process_that_hashes_otherwise(
    processes: None, written: Path
) -> None:
    before = contents(written)
    environment = {"PIPELINE_PROFILES": str(PROFILES), "PYTHONHASHSEED": str(other_seed())}
    ended = pipeline("synth", "--out", str(written), home=written.parent, env=environment)
    assert ended.code == 0, ended.output
    assert contents(written) == before


def other_seed() -> int:
    """Of the hashes of strings, and not this process's, which has a random one unless it was told."""
    return 1 if os.environ.get("PYTHONHASHSEED") == "2" else 2


def test_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(Misconfigured, match="files that synth did not write"):
        write({BASE: "{}"}, tmp_path)
    assert contents(tmp_path) == {"notes.txt": b"mine"}


def test_templates_are_clean(processes: None, written: Path) -> None:
    command = [
        f"{Path(sys.executable).parent}/cfn-lint",
        "-r",
        "us-east-1",
        "--",
        str(written / BASE),
        str(written / MAIN),
    ]
    linted = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "HOME": str(written)}
    )
    assert (linted.returncode, linted.stdout) == (0, "")


def test_other_files_name_no_resource_type() -> None:
    others = [path for path in COMMITTED.iterdir() if path.name not in (BASE, MAIN)]
    assert others
    assert not [path.name for path in others if "AWS::" in path.read_text()]


def test_every_edge_of_the_asset_graph_is_an_order_of_the_machine() -> None:
    """From the files alone: contracts say who reads what, the template what runs before what."""
    machine = json.loads((COMMITTED / MAIN).read_text())["Resources"]["DailyMachine"]["Properties"]["Definition"]
    edges = set()
    for contract in DOMAIN.contracts.values():
        for upstream in contract.upstream:
            try:
                reader, writer = DOMAIN.job_of(contract.id), DOMAIN.job_of(upstream)
            except KeyError:
                continue  # a source
            if reader != writer:
                edges.add((state_name(writer), state_name(reader)))
    assert edges
    assert enforced(machine) == edges


def enforced(scope: dict[str, Any]) -> set[tuple[str, str]]:
    """Pairs of jobs of which the second can only start when the first has succeeded."""
    ordered: set[tuple[str, str]] = set()
    name, before = scope["StartAt"], []
    while name:
        state = scope["States"][name]
        here = jobs_of(name, state)
        ordered |= {(earlier, later) for earlier in before for later in here}
        for branch in state.get("Branches", []):
            ordered |= enforced(branch)
        before += here
        wanted = next((each["Next"] for each in state.get("Choices", []) if name.startswith("Wants")), None)
        # The way of a day on which all goes well.
        name = state.get("Next") or ("" if state.get("End") else wanted or state.get("Default", ""))
    return ordered


def jobs_of(name: str, state: dict[str, Any]) -> list[str]:
    if state["Type"] == "Parallel":
        return [job for branch in state["Branches"] for each, s in branch["States"].items() for job in jobs_of(each, s)]
    scripts = [part for part in str(state.get("Parameters", {})).split("'") if part.startswith("${Code}/")]
    return [name] if scripts and name != "Maintain" else []


def test_dead_letters_go_after_30_days_where_the_jobs_write_them() -> None:
    settings = deployment_settings(None)
    bucket = deployment(settings).base["Resources"]["RunsBucket"]["Properties"]
    days = {rule.get("Prefix"): rule.get("ExpirationInDays") for rule in bucket["LifecycleConfiguration"]["Rules"]}
    assert days[f"{settings.runs.uri}/dead_letters/".removeprefix("s3://${RunsBucket}/")] == 30


def test_schedule_whose_utc_date_is_another_day_is_refused() -> None:
    assert schedule_expression(time(8), LIBRARY.calendar) == "cron(0 8 * * ? *)"
    for at, timezone in ((time(1, 30), "Europe/Berlin"), (time(19, 30), "America/New_York")):
        with pytest.raises(Misconfigured, match="its UTC date is another day"):
            schedule_expression(at, replace(LIBRARY.calendar, timezone=timezone))


def test_templates_have_no_null() -> None:
    """CloudFormation takes none, not even inside a state machine."""
    for name in (BASE, MAIN):
        assert "null" not in re.sub(r'"[^"]*"', '""', (COMMITTED / name).read_text())


def test_jobs_at_once_that_would_wait_for_each_other_are_refused() -> None:
    settings = deployment_settings()
    assert settings.emr is not None
    narrow = settings.emr.model_copy(update={"step_concurrency": 2})
    with pytest.raises(Misconfigured, match=r"emr\.step_concurrency is 2, and 3 jobs run at once\. Set it to 3, or"):
        _ = deployment(settings.model_copy(update={"emr": narrow})).definitions


def test_the_cluster_has_room_for_as_many_drivers_as_jobs_run_at_once() -> None:
    """Not for as many as it would take steps; without room nothing is generated."""
    settings = deployment_settings()
    assert settings.emr is not None
    wide = settings.emr.model_copy(update={"step_concurrency": 12})
    machine = deployment(settings.model_copy(update={"emr": wide})).definitions["daily"]
    given = {each["Classification"]: each["Properties"] for each in made_with(machine)["Configurations"]}
    share = f"{math.ceil(110 * 3 * max(job.driver_mb for job in LIBRARY.jobs) / (2 * 11712)) / 100:.2f}"
    assert given["capacity-scheduler"]["yarn.scheduler.capacity.maximum-am-resource-percent"] == share
    small = settings.emr.model_copy(update={"core": Fleet(instance_types=("c7g.xlarge",), capacity=1)})
    with pytest.raises(Misconfigured, match=r"emr\.core, 1 of c7g\.xlarge .* and 3 run at once"):
        _ = deployment(settings.model_copy(update={"emr": small})).definitions


def made_with(machine: dict[str, Any]) -> dict[str, Any]:
    """The request of the cluster, in whatever form the language wants it."""
    found = machine["States"]["CreateCluster"]["Parameters"]
    return {name.removesuffix(".$"): value for name, value in found.items()}


@pytest.mark.parametrize("maintain", [True, False])
def test_with_runtime_roles_only_the_job_that_reads_a_source_has_its_secret(maintain: bool) -> None:
    settings = deployment_settings()
    assert settings.production is not None
    production = settings.production.model_copy(update={"runtime_roles": True, "maintain": maintain})
    made = deployment(settings.model_copy(update={"production": production})).main["Resources"]
    reads = {
        title.removesuffix("Role"): sorted(set(re.findall(r"library/[a-z]+-[a-z]+", json.dumps(each))))
        for title, each in made.items()
        if title.endswith("Role") and "secretsmanager:GetSecretValue" in json.dumps(each)
    }
    assert reads == {"ExtractMembers": ["library/office-key"], "ExtractReviews": ["library/club-key"]}
    assert ("MaintainRole" in made) is maintain
    (taking,) = made["RuntimeRolesPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    runtime = {f"{title}Role" for title in (*map(state_name, LIBRARY.jobs), *(["Maintain"] if maintain else []))}
    assert {each["Fn::GetAtt"][0] for each in taking["Resource"]} == runtime
    for title in runtime:
        (trust,) = made[title]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Action"] == taking["Action"] == ["sts:AssumeRole", "sts:TagSession"]


def test_every_step_of_the_machine_is_told_its_region() -> None:
    settings = deployment_settings()
    machine = json.dumps(deployment(settings).main["Resources"]["DailyMachine"])
    steps = machine.count("spark-submit")
    assert steps == 5  # four jobs, and the lake's upkeep
    for name, value in settings.aws.region_environment.items():
        assert machine.count(f"spark.yarn.appMasterEnv.{name}={value}") == steps


@pytest.mark.parametrize("runtime_roles", [False, True])
def test_key_of_the_secrets_is_for_those_who_read_secrets_and_for_nothing_else(runtime_roles: bool) -> None:
    settings = deployment_settings()
    assert settings.production is not None
    production = settings.production.model_copy(update={"runtime_roles": runtime_roles})
    template = deployment(settings.model_copy(update={"production": production})).main
    decrypt = {
        "Effect": "Allow",
        "Action": ["kms:Decrypt"],
        "Resource": [KEY],
        "Condition": {"StringEquals": {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"}},
    }
    reading = {
        title: [each for each in statements if KEY in each["Resource"]]
        for title, statements in granted(template, SecretsKey=KEY).items()
        if any("secretsmanager:GetSecretValue" in each["Action"] for each in statements)
    }
    readers = ("ExtractMembersRole", "ExtractReviewsRole") if runtime_roles else ("EmrInstanceRole",)
    assert reading == {title: [decrypt] for title in (*readers, "DagsterPolicy")}
    used = [title for title, found in granted(template, SecretsKey=KEY).items() if KEY in json.dumps(found)]
    assert sorted(used) == sorted(reading)
    assert KEY not in json.dumps(granted(template))


def granted(template: dict[str, Any], **parameters: str) -> dict[str, list[dict[str, Any]]]:
    """Statements of each role and policy of the stack that is given these parameters."""
    names = {"AWS::Partition": "aws", "AWS::Region": "us-east-1", "AWS::AccountId": "123456789012"}
    given = {name: each.get("Default", name) for name, each in template["Parameters"].items()}
    arns = {name: {"Ref": name, "Arn": f"arn:{name}"} for name in template["Resources"]}
    resolver = Resolver(template, {**given, **names, **parameters}, arns)
    found = {}
    for title, each in template["Resources"].items():
        made = each["Properties"]
        documents = [policy["PolicyDocument"] for policy in made.get("Policies", [])]
        documents += [made["PolicyDocument"]] if each["Type"] == "AWS::IAM::ManagedPolicy" else []
        if documents:
            found[title] = [one for document in documents for one in resolver.value(document)["Statement"]]
    return found


def test_security_configuration_says_nothing_of_s3() -> None:
    """That is EMRFS's, which the release has not got: the buckets encrypt."""
    made = json.loads((COMMITTED / MAIN).read_text())["Resources"]["SecurityConfiguration"]["Properties"]
    at_rest = made["SecurityConfiguration"]["EncryptionConfiguration"]["AtRestEncryptionConfiguration"]
    assert list(at_rest) == ["LocalDiskEncryptionConfiguration"]
