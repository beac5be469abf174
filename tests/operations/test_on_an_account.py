"""What the page says of the deployment, typed at an account of the local AWS: each command shows its effect."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pipeline_assets.emr.clusters import NAME_PREFIX
from pipeline_assets.home import ROOT
from pipeline_assets.versions import release_label
from tests.domains import LIBRARY
from tests.operations.conftest import EMPTY, FAILS, HANGS, OnCall
from tests.running import Typed, wait_for

SECRETS = ("library/office-key", "library/club-key")


def deploys_with(on_call: OnCall, command: Typed) -> Typed:
    """A command that another one has printed at its end."""
    *_, printed = command.out.splitlines()[-1].partition("pipeline ")
    more = f" {printed.removeprefix('deploy ')} --yes"
    return on_call.types("pipeline deploy", more=more)


# -- it failed


def test_show_names_what_failed_and_what_to_type(on_call: OnCall, failed: str) -> None:
    shown = on_call.types("pipeline show X", {"X": failed})
    assert f"{FAILS} is not published" in shown.out
    assert "extract_loans: ValueError: no rows today" in shown.out
    assert shown.out.endswith(f"repeat what is missing: pipeline trigger --resume {failed}\n")


def test_resume_runs_what_has_not_ended(on_call: OnCall, failed: str) -> None:
    went = on_call.ran(on_call.types("pipeline trigger --resume X", {"X": failed}))
    ran = {each["job"]: each["status"] for each in went["jobs"]}
    assert (went["partition"], ran["extract_loans"], ran["extract_members"]) == (FAILS, "failed", "not run")


def test_day_that_has_no_deliveries_is_published_when_somebody_says_so(on_call: OnCall) -> None:
    first = on_call.ran(on_call.types("pipeline trigger --partition P", {"P": EMPTY}))
    assert (first["status"], on_call.day(EMPTY)["status"]) == ("FAILED", "failed")
    again = on_call.ran(on_call.types("pipeline trigger --resume X --allow-empty", {"X": first["run"]}))
    assert (again["status"], on_call.day(EMPTY)["status"]) == ("SUCCEEDED", "published")


# -- run a day


def test_runs_lists_the_executions(on_call: OnCall, failed: str) -> None:
    rows = [line.split() for line in on_call.types("pipeline runs").out.splitlines()]
    (row,) = [row for row in rows if row[:1] == [failed]]
    assert row[1:4] == [FAILS, "manual", "FAILED"]


def test_verbs_about_data_find_the_settings_that_deploy_has_kept(on_call: OnCall) -> None:
    bucket = on_call.outputs["ArtifactsBucket"]
    ended = on_call.types(
        "export PIPELINE_SETTINGS=s3://ARTIFACTS-BUCKET/pipeline/settings.toml",
        {"ARTIFACTS-BUCKET": bucket},
        more="\npipeline lake check --json",
    )
    assert ended.code == 0, ended.err
    whole = {dataset for dataset, state in ended.json.items() if not state["damage"]}
    assert whole == {each.id for each in LIBRARY.tables}


def test_a_day_is_run_and_run_again_whole_or_in_part(on_call: OnCall) -> None:
    day = {"P": "2026-09-10"}
    whole = on_call.types("pipeline trigger --partition P --wait", day)
    assert whole.code == 0, whole.err
    assert [
        line.split(maxsplit=1)[1] for line in whole.out.splitlines() if re.match(r"\d\d:\d\d:\d\d catalogue", line)
    ][-1].split() == ["catalogue", "succeeded"]
    taken = on_call.types("pipeline trigger --partition P", day)
    assert (taken.code, "--rerun" in taken.err) == (2, True)
    again = on_call.ran(on_call.types("pipeline trigger --partition P --rerun", day))
    catalogue = on_call.ran(on_call.types("pipeline trigger --partition P --only catalogue --rerun", day))
    assert [each["status"] for each in (again, catalogue)] == ["SUCCEEDED"] * 2
    assert jobs_of(again) == [job.name for job in LIBRARY.jobs]
    assert jobs_of(catalogue) == ["catalogue"]
    names = [whole.out.split()[1], again["run"], catalogue["run"]]
    of_day = on_call.types("pipeline show --partition P", day)
    assert [line.split()[0] for line in of_day.out.splitlines() if line.startswith(tuple(names))] == names[::-1]
    assert on_call.day(day["P"])["published_by"] == names[-1]


def test_a_job_and_all_that_reads_it_are_run(on_call: OnCall) -> None:
    day = {"P": "2026-09-11"}
    went = on_call.ran(on_call.types("pipeline trigger --partition P --from extract_loans", day))
    assert jobs_of(went) == ["extract_loans", "catalogue"]


def jobs_of(went: dict[str, Any]) -> list[str]:
    """That succeeded."""
    return [each["job"] for each in went["jobs"] if each["status"] == "succeeded"]


def test_backfill_starts_an_execution_a_day(on_call: OnCall) -> None:
    ended = on_call.types("for day in 2026-11-01 2026-11-02 2026-11-03; do pipeline trigger --partition $day; done")
    assert ended.code == 0, ended.err
    names = re.findall(r"^started +(\S+)$", ended.out, re.MULTILINE)
    went = [on_call.ended(name) for name in names]
    assert [(each["partition"], each["status"]) for each in went] == [
        (f"2026-11-0{day}", "SUCCEEDED") for day in (1, 2, 3)
    ]


def test_an_aborted_execution_ends_its_cluster_and_frees_its_day(on_call: OnCall) -> None:
    started = on_call.types("pipeline trigger --partition P", {"P": HANGS}).out.split()[1]
    wait_for(lambda: cluster_of(on_call, started))
    active = on_call.types("aws emr list-clusters --active")
    assert cluster_of(on_call, started) in [each["Id"] for each in active.json["Clusters"]]
    aborted = on_call.types("pipeline abort X", {"X": started})
    assert aborted.code == 0, aborted.err
    wait_for(lambda: cluster_of(on_call, started) is None)
    wait_for(lambda: on_call.day(HANGS)["status"] == "failed")


def cluster_of(on_call: OnCall, execution: str) -> str | None:
    """That lives."""
    emr = on_call.client("emr")
    found = emr.list_clusters(ClusterStates=["STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING"])["Clusters"]
    return next((each["Id"] for each in found if each["Name"] == f"{NAME_PREFIX}{execution}"), None)


# -- the reaper, and what was not delivered


def test_reaper_started_by_hand_frees_the_day(on_call: OnCall) -> None:
    partition = "2026-09-12"
    taken(on_call, partition, by="run-that-was-stopped")
    started = on_call.types(
        "aws stepfunctions start-execution --state-machine-arn REAPER-MACHINE --input "
        """'{"detail": {"name": "X", "status": "ABORTED", """
        r""""input": "{\"scheduled_time\": \"2026-11-24T13:00:00Z\"}"}}'""",
        {
            "REAPER-MACHINE": on_call.outputs["ReaperMachine"],
            "X": "run-that-was-stopped",
            "2026-11-24T13:00:00Z": scheduled(partition),
        },
    )
    assert machine_ended(on_call, started) == "SUCCEEDED"
    assert on_call.day(partition)["status"] == "failed"


def test_reaper_that_was_not_started_is_found_in_its_queue_and_started(on_call: OnCall) -> None:
    partition = "2026-09-13"
    taken(on_call, partition, by="run-without-reaper")
    given = json.dumps({"scheduled_time": scheduled(partition)})
    body = json.dumps({"detail": {"name": "run-without-reaper", "status": "TIMED_OUT", "input": given}})
    listed = on_call.types("aws sqs list-queues --queue-name-prefix NAME-UnreapedQueue", {"NAME": "library"})
    url = undelivered(on_call, listed, body)
    received = on_call.types("aws sqs receive-message --queue-url URL", {"URL": url})
    (message,) = received.json["Messages"]
    started = on_call.types(
        "aws stepfunctions start-execution --state-machine-arn REAPER-MACHINE --input BODY",
        {"REAPER-MACHINE": on_call.outputs["ReaperMachine"], "BODY": shlex.quote(message["Body"])},
    )
    assert machine_ended(on_call, started) == "SUCCEEDED"
    assert on_call.day(partition)["status"] == "failed"


def test_queue_of_starts_is_looked_into_and_emptied(on_call: OnCall) -> None:
    listed = on_call.types("aws sqs list-queues --queue-name-prefix NAME-UndeliveredQueue", {"NAME": "library"})
    url = undelivered(on_call, listed, '{"scheduled_time": "2026-09-14T12:00:00Z"}')
    assert on_call.types("aws sqs purge-queue --queue-url URL", {"URL": url}).code == 0
    assert "Messages" not in on_call.client("sqs").receive_message(QueueUrl=url)


def undelivered(on_call: OnCall, listed: Typed, body: str) -> str:
    """The address of the one queue, when this lies in it."""
    assert listed.code == 0, listed.err
    (url,) = listed.json["QueueUrls"]
    on_call.client("sqs").send_message(QueueUrl=url, MessageBody=body)
    return str(url)


def scheduled(partition: str) -> str:
    return LIBRARY.calendar.partition(partition).as_of.strftime("%Y-%m-%dT%H:%M:%SZ")


def taken(on_call: OnCall, partition: str, *, by: str) -> None:
    """As an execution leaves the guard that was stopped."""
    item = {"status": {"S": "running"}, "execution": {"S": by}}
    on_call.client("dynamodb").put_item(
        TableName=on_call.outputs["GuardTable"], Item={**on_call.day_key(partition), **item}
    )


def machine_ended(on_call: OnCall, started: Typed) -> str:
    assert started.code == 0, started.err
    states, arn = on_call.client("stepfunctions"), started.json["executionArn"]
    wait_for(lambda: states.describe_execution(executionArn=arn)["status"] != "RUNNING")
    return str(states.describe_execution(executionArn=arn)["status"])


# -- deploy


def test_first_deployment_makes_both_stacks(on_call: OnCall) -> None:
    stacks = on_call.client("cloudformation").describe_stacks()["Stacks"]
    assert {each["StackName"]: each["StackStatus"] for each in stacks} == {
        "library-base": "CREATE_COMPLETE",
        "library": "CREATE_COMPLETE",
    }


def test_what_is_deployed_differs_in_nothing_until_the_console_changes_it(on_call: OnCall) -> None:
    assert on_call.types("pipeline diff").out == "no difference\n"
    assert on_call.types("pipeline deploy").out.splitlines()[-3] == "nothing to change"
    scheduler = on_call.client("scheduler")
    found = scheduler.get_schedule(Name="library-daily", GroupName="library")
    kept = ("Name", "GroupName", "ScheduleExpression", "ScheduleExpressionTimezone", "FlexibleTimeWindow", "Target")
    scheduler.update_schedule(**{key: found[key] for key in kept}, State="DISABLED")
    assert on_call.types("pipeline diff").code == 2
    assert on_call.types("pipeline deploy --revert-drift", answer="y\n").code == 0
    again = scheduler.get_schedule(Name="library-daily", GroupName="library")
    assert (again["State"], on_call.types("pipeline diff").code) == ("ENABLED", 0)


def test_synth_writes_what_is_reviewed(on_call: OnCall, tmp_path: Path) -> None:
    """In a checkout of its own, with another plan in it."""
    written = tmp_path / "deployment"
    shutil.copytree(ROOT / "deployment", written)
    (written / "plan.txt").write_text("an older plan\n")
    for command in (("init", "-q"), ("add", "."), ("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "a")):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    here = {"pipeline synth": f"cd {tmp_path} && pipeline synth --out {written}"}
    reviewed = on_call.types("pipeline synth && git diff deployment/", here)
    assert reviewed.code == 0, reviewed.err
    assert "-an older plan" in reviewed.out
    before = {path.name: path.read_bytes() for path in written.iterdir()}
    (written / "plan.txt").unlink()
    again = on_call.types("pipeline synth", more=f" --out {written}")
    assert again.code == 0, again.err
    assert {path.name: path.read_bytes() for path in written.iterdir()} == before


def test_doctor_looks_at_the_account(on_call: OnCall) -> None:
    looked = on_call.types("pipeline doctor --account")
    assert looked.code == 0, looked.err
    assert "there is no OpenSearch domain library" in looked.out


def test_checks_of_an_upgrade_are_there(on_call: OnCall) -> None:
    """Named by make, not run: they are this test's own session."""
    named = on_call.types("make lock && make test && make test-slow", {"make": "make -n"})
    assert named.code == 0, named.err
    asked = [mark for mark in ('-m "not slow"', "-m slow") if f"pytest {mark}" in named.out]
    assert (asked, "pip compile" in named.out) == (['-m "not slow"', "-m slow"], True)


@pytest.mark.parametrize(("label", "known"), [(release_label(), True), ("emr-0.0.0", False)])
def test_release_that_the_region_has_is_described_and_another_is_not(on_call: OnCall, label: str, known: bool) -> None:
    described = on_call.types("aws emr describe-release-label --release-label LABEL", {"LABEL": label})
    assert (described.code == 0, f'"ReleaseLabel": "{label}"' in described.out) == (known, known)


def test_destroy_keeps_the_data_and_says_the_way_back(on_call: OnCall) -> None:
    states = on_call.client("stepfunctions")
    daily = on_call.outputs["DailyMachine"]
    wait_for(lambda: not states.list_executions(stateMachineArn=daily, statusFilter="RUNNING")["executions"])
    ended = on_call.types("pipeline destroy", answer="y\n")
    assert ended.code == 0, ended.err
    stacks = on_call.client("cloudformation").describe_stacks()["Stacks"]
    assert [each["StackName"] for each in stacks] == ["library-base"]
    assert deploys_with(on_call, ended).code == 0
    assert len(on_call.client("cloudformation").describe_stacks()["Stacks"]) == 2


# -- the account around it


def test_secrets_are_made_and_rotated(on_call: OnCall, tmp_path: Path) -> None:
    manager = on_call.client("secretsmanager")
    manager.create_secret(Name=SECRETS[1], SecretString="an old token")
    (tmp_path / "key.p8").write_text("a key")
    (tmp_path / "token").write_text("a new token")
    made = on_call.types(
        "aws secretsmanager create-secret --name library/office-key --secret-string file://key.p8",
        {"file://key.p8": f"file://{tmp_path}/key.p8"},
    )
    assert made.code == 0, made.err
    rotated = on_call.types(
        "aws secretsmanager put-secret-value --secret-id library/club-key --secret-string file://token",
        {"file://token": f"file://{tmp_path}/token"},
    )
    assert rotated.code == 0, rotated.err
    values = [manager.get_secret_value(SecretId=name)["SecretString"] for name in SECRETS]
    assert values == ["a key", "a new token"]


def test_region_s_emr_is_closed_to_the_public(on_call: OnCall) -> None:
    ended = on_call.types(
        "aws emr put-block-public-access-configuration --block-public-access-configuration "
        "BlockPublicSecurityGroupRules=true"
    )
    assert ended.code == 0, ended.err
    found = on_call.client("emr").get_block_public_access_configuration()["BlockPublicAccessConfiguration"]
    assert found["BlockPublicSecurityGroupRules"] is True


def test_lake_formation_is_told_who_reads_the_databases(on_call: OnCall) -> None:
    role = on_call.outputs["EmrServiceRole"]
    database = "library_marts"
    ended = on_call.types(
        "aws lakeformation grant-permissions --principal DataLakePrincipalIdentifier=ROLE-ARN --permissions … "
        "--resource …",
        {
            "ROLE-ARN": role,
            "--permissions …": "--permissions DESCRIBE",
            "--resource …": f"--resource Database={{Name={database}}}",
        },
    )
    assert ended.code == 0, ended.err
    granted = on_call.client("lakeformation").list_permissions()["PrincipalResourcePermissions"]
    assert (role, database) in [
        (each["Principal"]["DataLakePrincipalIdentifier"], each["Resource"].get("Database", {}).get("Name"))
        for each in granted
    ]


def test_more_listeners_are_subscribed(on_call: OnCall) -> None:
    ended = on_call.types(
        "aws sns subscribe --topic-arn ALARM-TOPIC --protocol email --notification-endpoint ADDRESS",
        {"ALARM-TOPIC": on_call.outputs["AlarmTopic"], "ADDRESS": "on-call@example.com"},
    )
    assert ended.code == 0, ended.err
    found = on_call.client("sns").list_subscriptions_by_topic(TopicArn=on_call.outputs["AlarmTopic"])
    assert "on-call@example.com" in [each["Endpoint"] for each in found["Subscriptions"]]
