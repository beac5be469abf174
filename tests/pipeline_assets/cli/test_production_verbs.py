"""deploy, diff, trigger, runs, show, abort and destroy as a user types them, against a local AWS.

Each once in a process of its own, otherwise in this one.
The jobs are programs without Spark: extract_loans fails, extract_members hangs, extract_reviews is killed
for its memory.
"""

import json
import os
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
import pyarrow as pa
import pytest
import requests
import tomlkit

from emr_jobs.catalog import MAINTAIN, RUN_JOB
from emr_jobs.core.settings import Aws, load
from local_stack.aws.account import LocalAws, client
from local_stack.simulation import stubs
from pipeline_assets import lake
from pipeline_assets.home import aws_environment
from pipeline_assets.production.apply.stacks import BODY_LIMIT_BYTES
from tests import workflows
from tests.deployed import needed, profile_at
from tests.domains import LIBRARY, PRODUCTION, PROFILES
from tests.running import Ended, Typed, pipeline, typed, wait_for

BEHAVIOURS = {"extract_loans": "fails", "extract_members": "hangs", "extract_reviews": "is killed for its memory"}
FAILED_DAY, HELD_DAY, NO_CLUSTER_DAY, GOOD_DAY = "2026-09-01", "2026-09-02", "2026-09-03", "2026-09-04"
WAITED_DAY = "2026-09-05"
NEEDED = needed()


@dataclass(frozen=True)
class Account:
    folder: Path
    url: str
    faults: str

    def settings(self, **production: object) -> str:
        """Production's profile at this account, with short waits and these values of [production]."""
        profile = profile_at(self.url)
        profile["production"] |= production
        file = self.folder / f"{'-'.join(map(str, production.values())) or 'deployment'}.toml"
        file.write_text(tomlkit.dumps(profile))
        return str(file)

    def typed(self, *arguments: str, answer: str = "", settings: str = "", **production: object) -> Typed:
        """A verb in this process; nobody answers unless there is an answer."""
        settings = settings or self.settings(**production)
        return typed(*arguments, "--settings", settings, home=self.folder, answer=answer)

    def pipeline(self, *arguments: str) -> Ended:
        """A verb in a process of its own."""
        return pipeline(*arguments, "--settings", self.settings(), home=self.folder)

    def stack(self, name: str) -> dict[str, Any] | None:
        cloudformation = client("cloudformation", self.url)
        return next((each for each in cloudformation.describe_stacks()["Stacks"] if each["StackName"] == name), None)

    @property
    def databases(self) -> set[str]:
        """Of Glue."""
        return {each["Name"] for each in client("glue", self.url).get_databases()["DatabaseList"]}

    @property
    def running(self) -> list[str]:
        """Executions of the daily machine."""
        states = client("stepfunctions", self.url)
        listed = states.list_executions(stateMachineArn=self._daily, statusFilter="RUNNING")["executions"]
        return [each["name"] for each in listed]

    def output(self, name: str) -> str:
        """Of the main stack."""
        main = self.stack("library")
        assert main is not None
        return str({each["OutputKey"]: each["OutputValue"] for each in main["Outputs"]}[name])

    def start(self, name: str, **asked: object) -> None:
        """With a name that somebody chose, as in the console."""
        states = client("stepfunctions", self.url)
        states.start_execution(stateMachineArn=self._daily, name=name, input=json.dumps(asked))

    def stop(self, name: str) -> None:
        execution = f"{self._daily.replace(':stateMachine:', ':execution:')}:{name}"
        client("stepfunctions", self.url).stop_execution(executionArn=execution)

    def cluster_state(self, cluster: str) -> str:
        return str(client("emr", self.url).describe_cluster(ClusterId=cluster)["Cluster"]["Status"]["State"])

    def day_status(self, partition: str) -> str:
        key = {"pk": {"S": f"day#{LIBRARY.calendar.partition(partition).as_of.date()}"}}
        found = client("dynamodb", self.url).get_item(TableName="library-base-GuardTable", Key=key)
        return str(found["Item"]["status"]["S"])

    @property
    def _daily(self) -> str:
        machines = client("stepfunctions", self.url).list_state_machines()["stateMachines"]
        (arn,) = [each["stateMachineArn"] for each in machines if each["name"] == "library-daily"]
        return str(arn)


def given(parameters: dict[str, str]) -> list[str]:
    return [part for name, value in parameters.items() for part in ("--parameter", f"{name}={value}")]


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    folder = tmp_path_factory.mktemp("account")
    aws = LocalAws(folder / "aws", plain=True)
    try:
        addresses = aws.wait()
        client("s3", addresses["url"]).create_bucket(Bucket=NEEDED["DeskBucket"])
        yield Account(folder, addresses["url"], addresses["faults"])
    finally:
        aws.stop()


@pytest.fixture(scope="module")
def first_deploy(account: Account) -> Typed:
    return account.typed("deploy", "--yes", "--json", *given(NEEDED))


@pytest.fixture(scope="module")
def deployed(account: Account, first_deploy: Typed) -> Account:
    """The account with both stacks, its jobs replaced."""
    assert first_deploy.code == 0, first_deploy.err
    main = account.stack("library")
    assert main is not None
    parameters = {each["ParameterKey"]: each["ParameterValue"] for each in main["Parameters"]}
    s3 = client("s3", account.url)
    stubs.ship(s3, parameters["Code"], stubs.program(behaviours=BEHAVIOURS), scripts=(RUN_JOB,))
    stubs.ship(s3, parameters["Code"], b"import sys; sys.exit('no lake')", scripts=(MAINTAIN.script,))
    return account


@pytest.fixture(scope="module")
def failed(deployed: Account) -> str:
    """An execution two of whose jobs have failed, although an empty day was right."""
    jobs = ("--only", "extract_loans", "--only", "extract_reviews", "--allow-empty")
    name = str(deployed.typed("trigger", "--partition", FAILED_DAY, *jobs, "--json").json["run"])
    wait_for(lambda: name not in deployed.running)
    return name


# -- deploy


def test_deploy_names_each_missing_parameter_and_changes_nothing(account: Account) -> None:
    left_out = {name: value for name, value in NEEDED.items() if name not in ("Vpc", "SearchHost")}
    ended = account.typed("deploy", *given(left_out), name="unmade")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == (
        "Misconfigured: unmade needs 2 parameters that it does not have yet:\n"
        "  SearchHost: Address of the OpenSearch domain\n"
        "  Vpc: Where the cluster runs\n"
        "Give each once, the stack keeps it: pipeline deploy --parameter SearchHost=VALUE\n"
    )
    assert account.stack("unmade-base") is None


def test_deploy_refuses_a_parameter_that_no_stack_has(account: Account) -> None:
    ended = account.typed("deploy", *given({**NEEDED, "Subnet": "subnet-a"}), name="unmade")
    assert ended.code == 2
    assert ended.err.startswith("Misconfigured: no stack has parameter Subnet; there are AlarmEmail, ")


def test_deploy_refuses_what_is_still_the_examples(account: Account) -> None:
    settings = account.folder / "example.toml"
    settings.write_text(PRODUCTION.read_text())
    ended = account.typed("deploy", *given(NEEDED), settings=str(settings))
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == (
        "Misconfigured: settings: 6 values are still the example's. Put yours in:\n"
        "  connections.office.account = <ORG-ACCOUNT>\n"
        "  connections.office.user = <USER>\n"
        "  connections.office.database = <DATABASE>\n"
        "  connections.office.role = <ROLE>\n"
        "  connections.office.warehouse = <WAREHOUSE>\n"
        "  connections.club.url = https://<CLUB>.example\n"
    )


def test_error_of_the_preflight_stops_a_deployment_unless_it_is_told_otherwise(account: Account) -> None:
    elsewhere = given({**NEEDED, "Subnets": "subnet-gone"})
    ended = account.typed("deploy", *elsewhere, name="unmade")
    assert (ended.code, ended.out) == (1, "")
    first, *_, last = ended.err.splitlines()
    assert first == "error subnet-gone does not exist in this region. pipeline deploy --parameter Subnets=…"
    assert last == "nothing was deployed. In spite of that: --anyway"
    anyway = account.typed("deploy", "--anyway", *elsewhere, answer="n\n", name="unmade")
    assert (anyway.code, anyway.err.splitlines()[-1].endswith("nothing was applied to unmade-base")) == (1, True)
    looked = account.typed("doctor", "--account", "--json", *elsewhere, name="unmade")
    assert looked.code == 1
    assert [each["check"] for each in looked.json if each["level"] == "error"] == ["subnets"]
    assert account.stack("unmade-base") is None


def test_deploy_applies_nothing_after_a_no(account: Account) -> None:
    ended = account.typed("deploy", *given(NEEDED), answer="n\n", name="unmade")
    assert ended.code == 1
    assert "Add     GuardTable" in ended.err
    assert ended.err.endswith("Apply to unmade-base? [y/N]:nothing was applied to unmade-base\n")
    assert account.stack("unmade-base") is None


def test_deploy_makes_both_stacks_and_prints_what_they_are(account: Account, first_deploy: Typed) -> None:
    assert first_deploy.code == 0, first_deploy.err
    base, main = account.stack("library-base"), account.stack("library")
    assert base is not None
    assert main is not None
    assert first_deploy.json["outputs"] == {each["OutputKey"]: each["OutputValue"] for each in main["Outputs"]}
    assert first_deploy.json["settings"] == "s3://library-base-artifactsbucket/pipeline/settings.toml"
    assert {"action", "resource", "type", "replaced"} < set(first_deploy.err.split())
    artifacts = client("s3", account.url).get_bucket_versioning(Bucket="library-base-artifactsbucket")
    assert artifacts["Status"] == "Enabled"


def test_deploy_takes_a_template_that_is_larger_than_a_call(account: Account, deployed: Account) -> None:
    template = client("cloudformation", account.url).get_template(StackName="library")["TemplateBody"]
    assert len(json.dumps(template, indent=1)) > BODY_LIMIT_BYTES


def test_deploy_again_has_nothing_to_change_and_says_what_the_account_lacks(deployed: Account) -> None:
    ended = deployed.typed("deploy")
    assert ended.code == 0, ended.err
    assert ended.out.splitlines()[-3:] == [
        "nothing to change",
        "run a day    pipeline trigger --partition P",
        "other verbs  --settings with the address above",
    ]
    domain, *secrets, public, alarms = ended.err.splitlines()
    assert domain == "warning there is no OpenSearch domain library. Make it, or: --parameter SearchDomain=…"
    assert [each.partition(" (")[0] for each in secrets] == [
        "warning there is no secret library/office-key",
        "warning there is no secret library/club-key",
    ]
    assert public.startswith("warning EMR does not block public access in this region. Block it: aws emr put-block-")
    assert alarms.startswith("warning nobody hears the alarms. Subscribe: pipeline deploy --parameter AlarmEmail=")


def test_lines_of_the_workflows_compare_with_the_account_and_deploy_to_it(deployed: Account, tmp_path: Path) -> None:
    checkout = workflows.Checkout.at(tmp_path)
    profiles = Path(shutil.copytree(PROFILES, tmp_path / "profiles"))
    checkout.commit()
    review = workflows.line("pull-request", "review", "pipeline review")
    asked = {"PIPELINE_PROFILES": str(profiles), "BASE": "HEAD", "MAY_LOOK": "true"}

    shutil.copy(deployed.settings(), profiles / "production.toml")
    deploy = workflows.line("deploy", "deploy", "pipeline deploy")
    done = checkout.types(deploy, PIPELINE_PROFILES=str(profiles))
    assert (done.returncode, done.stdout.splitlines()[-3:-2]) == (0, ["nothing to change"]), done.stderr
    done = checkout.types(review, **asked)
    assert (done.returncode, done.stderr) == (0, "")
    assert checkout.summary.read_text().endswith("**Account**: no difference\n\n\n")

    shutil.copy(deployed.settings(retry_interval_s=7), profiles / "production.toml")
    done = checkout.types(review, **asked)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\n**Account**: 10 differences, of which 5 are drift\n" in checkout.summary.read_text()


@pytest.fixture(scope="module")
def second_deploys(deployed: Account) -> list[Typed]:
    """Of another deployment in the account: its base stack fails, its main stack fails, then all is well."""
    dynamodb, logs = client("dynamodb", deployed.url), client("logs", deployed.url)
    taken = {"TableName": "second-base-GuardTable", "BillingMode": "PAY_PER_REQUEST"}
    dynamodb.create_table(
        **taken,
        KeySchema=[{"AttributeName": "other", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "other", "AttributeType": "S"}],
    )
    deploys = [deployed.typed("deploy", "--yes", *given(NEEDED), name="second")]
    dynamodb.delete_table(TableName=taken["TableName"])
    logs.create_log_group(logGroupName="/aws/vendedlogs/states/second-daily")
    deploys += [deployed.typed("deploy", "--yes", *given(NEEDED), name="second")]
    logs.delete_log_group(logGroupName="/aws/vendedlogs/states/second-daily")
    return [*deploys, deployed.typed("deploy", "--yes", name="second")]


def test_first_deployment_that_fails_is_repeated_by_the_command_that_it_prints(second_deploys: list[Typed]) -> None:
    """Nothing that it had made stands in the way, and what was given once is kept."""
    no_base, no_main, well = second_deploys
    assert [each.code for each in second_deploys] == [1, 1, 0]
    for ended, stack, resource in (
        (no_base, "second-base", "GuardTable (AWS::DynamoDB::Table)"),
        (no_main, "second", "DailyLog (AWS::Logs::LogGroup)"),
    ):
        assert f"StackFailed: stack {stack} ended ROLLBACK_COMPLETE: {resource}: " in ended.err
        assert ended.err.endswith("Mend it, then: pipeline deploy\n")
    said = "{}: its creation had failed and was rolled back; it is made anew\n"
    assert said.format("second-base") in no_main.err
    assert said.format("second") in well.err


def test_two_deployments_in_one_account_have_no_table_in_common(deployed: Account, second_deploys: list[Typed]) -> None:
    ours = {f"library_{layer}" for layer in ("marts", "staged")}
    assert deployed.databases == {*ours, "second_marts", "second_staged"}
    keys = aws_environment(Aws(endpoint=deployed.url))

    def settings(name: str) -> str:
        return f"s3://{name}-base-artifactsbucket/pipeline/settings.toml"

    with patch.dict(os.environ, keys), patch.object(boto3, "DEFAULT_SESSION", None):
        table = lake.table(lake.catalog(load(settings("second"))), LIBRARY.contracts["marts.branch_days"])
    assert table is not None
    schema = table.schema().as_arrow()
    table.append(pa.Table.from_pylist([{"partition_date": date(2026, 9, 1), "loans": 7}], schema=schema))
    for name, loans in (("second", [{"loans": 7}]), ("library", [])):
        sql = ("query", "SELECT loans FROM marts.branch_days", "--json")
        ended = typed(*sql, "--settings", settings(name), home=deployed.folder, env=keys)
        assert ended.json == loans

    ended = deployed.typed("destroy", "--data", "--yes", name="second")
    assert ended.code == 0, ended.err
    assert deployed.databases == ours


@pytest.mark.parametrize(
    ("name", "prefix", "said"),
    [
        ("the_library", None, "a letter and up to 30 letters, digits or hyphens, all lower case"),
        ("library-base", None, "stack library-base: expected one of library-base, found one"),
        ("third", "library_", "database library_marts: expected one of third, found one of"),
        ("third", "theirs_", "database theirs_marts is there already, with the tables of an earlier deployment"),
    ],
)
def test_deployment_that_would_share_a_name_with_another_is_refused(
    deployed: Account, name: str, prefix: str | None, said: str
) -> None:
    glue = client("glue", deployed.url)
    glue.create_database(DatabaseInput={"Name": "theirs_marts"})
    settings = deployed.settings(name=name)
    if prefix is not None:
        profile = Path(settings).read_text().replace("[lake]", f'[lake]\ndatabase_prefix = "{prefix}"')
        Path(settings).write_text(profile)
    ended = deployed.typed("deploy", "--yes", *given(NEEDED), settings=settings)
    glue.delete_database(Name="theirs_marts")
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
    assert deployed.stack(f"{name}-base") is None


@pytest.mark.parametrize("verb", ["deploy", "destroy"])
def test_stack_of_another_owner_is_refused(deployed: Account, verb: str) -> None:
    before = deployed.stack("library")
    ended = deployed.typed(verb, "--yes", owner="others")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("AnotherOwner: stack library")
    assert "expected owner others, found data-platform" in ended.err
    after = deployed.stack("library")
    assert before is not None
    assert after is not None
    assert (after["StackStatus"], after["Tags"]) == (before["StackStatus"], before["Tags"])


# -- diff


def test_diff_of_what_is_deployed_is_empty(deployed: Account) -> None:
    ended = deployed.pipeline("diff")
    assert (ended.code, ended.output) == (0, "no difference\n")


def test_diff_names_exactly_what_a_changed_wait_changes(deployed: Account) -> None:
    ended = deployed.typed("diff", "--json", retry_interval_s=7)
    assert ended.code == 2, ended.err
    branches = ("ExtractLoans", "ExtractMembers", "ExtractReviews")
    jobs = [f"States.AtOnce1.Branches[{number}].States.{name}" for number, name in enumerate(branches)]
    places = [*(f"{job}.Retry[1].IntervalSeconds" for job in (*jobs, "States.Catalogue")), "TimeoutSeconds"]
    machine = ("Resources.DailyMachine.Properties.Definition", "DailyMachine as it runs")
    assert [each["place"] for each in ended.json] == [f"{start}.{place}" for start in machine for place in places]
    waits = [(each["deployed"], each["generated"]) for each in ended.json if each["place"].endswith("IntervalSeconds")]
    assert waits == [("1", "7")] * 8


def test_diff_names_a_changed_setting_of_the_jobs(deployed: Account) -> None:
    settings = deployed.folder / "slower.toml"
    profile = Path(deployed.settings()).read_text()
    settings.write_text(profile.replace("requests_per_second = 20.0", "requests_per_second = 7.0"))
    ended = deployed.typed("diff", "--json", settings=str(settings))
    assert ended.code == 2, ended.err
    assert [(each["place"], each["deployed"], each["generated"]) for each in ended.json] == [
        ("settings.connections.club.requests_per_second", "20.0", "7.0")
    ]


def test_diff_shows_a_name_in_the_settings_that_the_stacks_do_not_have_yet(deployed: Account) -> None:
    settings = deployed.folder / "renamed.toml"
    profile = Path(deployed.settings()).read_text()
    settings.write_text(profile.replace('"WAREHOUSE"', '"${Warehouse}"'))
    ended = deployed.typed("diff", "--json", settings=str(settings))
    assert ended.code == 2, ended.err
    assert [(each["place"], each["deployed"], each["generated"]) for each in ended.json] == [
        ("settings.connections.office.warehouse", '"WAREHOUSE"', '"${Warehouse}"')
    ]


def test_change_behind_the_stacks_back_is_seen_and_taken_back(deployed: Account) -> None:
    """Somebody disables the schedule in the console."""
    scheduler = client("scheduler", deployed.url)
    found = scheduler.get_schedule(Name="library-daily", GroupName="library")
    kept = ("Name", "GroupName", "ScheduleExpression", "ScheduleExpressionTimezone", "FlexibleTimeWindow", "Target")
    scheduler.update_schedule(**{key: found[key] for key in kept}, State="DISABLED")
    ended = deployed.typed("diff")
    assert ended.code == 2, ended.err
    assert "DailySchedule as it runs.State" in ended.out
    said, command = ended.out.splitlines()[-1].split(": ")
    assert said == "1 difference. Bring the account to what is generated"
    assert deployed.typed(*shlex.split(command)[1:], "--yes").code == 0
    assert deployed.typed("diff").out == "no difference\n"


def test_role_and_alarm_that_were_changed_in_the_console_are_seen_and_taken_back(deployed: Account) -> None:
    iam, cloudwatch = client("iam", deployed.url), client("cloudwatch", deployed.url)
    role = {"RoleName": "library-WatchRole", "PolicyName": "exact"}
    policy = iam.get_role_policy(**role)["PolicyDocument"]
    policy["Statement"][0]["Action"] = ["dynamodb:*"]
    iam.put_role_policy(**role, PolicyDocument=json.dumps(policy))
    cloudwatch.delete_alarms(AlarmNames=["library-Undelivered"])
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=["library-DailyFailed"])["MetricAlarms"]
    kept = ("AlarmName", "Namespace", "MetricName", "Dimensions", "Statistic", "Period", "EvaluationPeriods")
    others = ("ComparisonOperator", "AlarmDescription", "TreatMissingData")
    cloudwatch.put_metric_alarm(**{name: alarm[name] for name in (*kept, *others)}, Threshold=5.0)
    ended = deployed.typed("diff", "--json")
    assert ended.code == 2, ended.err
    topic = [each["generated"] for each in ended.json if each["place"].endswith(".AlarmActions")]
    assert sorted((each["place"], each["deployed"], each["generated"]) for each in ended.json) == [
        ("DailyFailedAlarm as it runs.AlarmActions", "[]", *topic),
        ("DailyFailedAlarm as it runs.Threshold", "5.0", "1"),
        ("UndeliveredAlarm as it runs", "absent", "made"),
        (
            "WatchRole as it runs.Policies.0.PolicyDocument.Statement.0.Action.0",
            '"dynamodb:*"',
            '"dynamodb:GetItem"',
        ),
    ]
    assert deployed.typed("deploy", "--revert-drift", "--yes").code == 0
    assert deployed.typed("diff").out == "no difference\n"


def test_diff_compares_the_values_that_deploy_would_put_in_or_be_given(deployed: Account) -> None:
    ended = deployed.typed("diff", "--json", "--parameter", "AlarmEmail=us@example.com")
    assert [(each["stack"], each["place"], each["deployed"], each["generated"]) for each in ended.json] == [
        ("library", "Parameters.AlarmEmail", '""', '"us@example.com"')
    ]


# -- trigger, runs, show, abort


def test_trigger_of_a_day_that_has_not_ended_is_refused(deployed: Account) -> None:
    ended = deployed.typed("trigger", "--partition", "2999-01-01")
    assert ended.code == 2
    assert ended.err.startswith("Misconfigured: partition 2999-01-01: the Berlin day has not ended")


def test_show_says_why_each_job_failed_and_what_to_type(deployed: Account, failed: str) -> None:
    shown = deployed.typed("show", failed)
    assert shown.code == 0, shown.err
    facts, jobs, *reasons = shown.out.split("\n\n")
    cluster = deployed.typed("show", failed, "--json").json["cluster"]
    assert "partition  2026-09-01 " in facts
    assert "status     FAILED " in facts
    assert "day        failed, by this run" in facts
    rows = {line.split()[0]: line.split()[1:3] for line in jobs.splitlines()[1:]}
    assert rows == {
        "extract_loans": ["failed", "2"],
        "extract_members": ["not", "run"],
        "extract_reviews": ["failed", "2"],
        "catalogue": ["not", "run"],
    }
    base = deployed.stack("library-base")
    assert base is not None
    (logs,) = (each["OutputValue"] for each in base["Outputs"] if each["OutputKey"] == "RunsBucket")
    assert reasons[0] == (
        "DayNotPublished\n"
        f"{FAILED_DAY} is not published; its run was scheduled for 2026-09-02.\n"
        "extract_loans: ValueError: no rows today\n"
        f"extract_reviews: States.TaskFailed without a word of the job. Its log: s3://{logs}/emr/{cluster}/steps/\n"
        "Readers still see the day before, or this day as it was published before."
    )
    assert [line.split(": ")[0] for line in reasons[1].splitlines()] == ["More of it", "When that is mended", "Console"]
    assert reasons[2].startswith("extract_reviews\nstep s-")
    assert "YARN killed the driver of extract_reviews: expected at most 3 GB of memory, found 3.1 GB" in reasons[2]
    assert "driver_overhead_mb (1024, Python and the rest) of extract_reviews in emr_jobs/derived.py" in reasons[2]
    assert reasons[3] == f"repeat what is missing: pipeline trigger --resume {failed}\n"


def test_show_and_runs_are_json_for_machines(deployed: Account, failed: str) -> None:
    shown = deployed.typed("show", failed, "--json").json
    assert (shown["status"], shown["error"], shown["day"]["status"]) == ("FAILED", "DayNotPublished", "failed")
    assert [(each["job"], each["status"]) for each in shown["jobs"] if each["why"]] == [
        ("extract_loans", "failed"),
        ("extract_reviews", "failed"),
    ]
    (listed,) = [each for each in deployed.typed("runs", "--json").json if each["run"] == failed]
    assert (listed["partition"], listed["input"]["only"]) == (FAILED_DAY, ["extract_loans", "extract_reviews"])


def test_runs_lists_executions_and_the_verb_that_looks_at_one(deployed: Account, failed: str) -> None:
    ended = deployed.pipeline("runs")
    assert ended.code == 0, ended.output
    (row,) = [line for line in ended.output.splitlines() if line.startswith(failed)]
    assert row.split()[1:4] == [FAILED_DAY, "manual", "FAILED"]
    assert row.split()[-1] == "DayNotPublished"
    assert ended.last_line.startswith("how one went: pipeline show ")


def test_execution_that_is_not_there_leads_to_those_that_are(deployed: Account) -> None:
    for verb in (("show", "nothing"), ("abort", "nothing"), ("trigger", "--resume", "nothing")):
        ended = deployed.typed(*verb)
        assert ended.code == 2
        assert ended.err.startswith("Misconfigured: no execution nothing")
        assert ended.err.endswith("Which there are: pipeline runs\n")


def test_execution_is_found_by_the_beginning_of_its_name(deployed: Account, failed: str) -> None:
    names = [each["run"] for each in deployed.typed("runs", "--json").json]
    size = next(size for size in range(1, 99) if [each[:size] for each in names].count(failed[:size]) == 1)
    assert deployed.typed("show", failed[:size], "--json").json["run"] == failed


def test_beginning_of_several_names_is_refused_with_the_names(deployed: Account) -> None:
    for name in ("twin-1", "twin-2"):
        deployed.start(name, only=["nothing"])
    for verb in (("show", "twin"), ("abort", "twin"), ("trigger", "--resume", "twin")):
        ended = deployed.typed(*verb)
        assert (ended.code, ended.err) == (
            2,
            "Misconfigured: twin is the beginning of 2 executions (twin-2, twin-1): give more of it\n",
        )


def test_show_of_a_day_lists_its_executions_and_shows_the_one_that_has_it(deployed: Account, failed: str) -> None:
    shown = deployed.typed("show", "--partition", FAILED_DAY)
    assert shown.code == 0, shown.err
    assert shown.out.splitlines()[1].startswith(failed)
    assert shown.out.endswith(f"repeat what is missing: pipeline trigger --resume {failed}\n")
    of_day = deployed.typed("show", "--partition", FAILED_DAY, "--json").json
    assert (of_day["run"], of_day["executions"]) == (failed, [failed])
    nothing = deployed.typed("show", "--partition", "2026-08-01")
    assert (nothing.code, nothing.err) == (
        2,
        "Misconfigured: 2026-08-01: no execution. Start one: pipeline trigger --partition 2026-08-01\n",
    )


def test_trigger_waits_says_each_change_and_ends_as_the_execution_does(deployed: Account) -> None:
    only = ("--only", "extract_loans", "--wait")
    ended = deployed.typed("trigger", "--partition", WAITED_DAY, *only)
    assert ended.code == 1, ended.err
    said = [line.split(maxsplit=2)[1:] for line in ended.out.splitlines() if re.match(r"\d\d:\d\d:\d\d ", line)]
    assert said[-1] == ["extract_loans", "failed, 2 attempts"]
    assert all(job == "extract_loans" for job, _ in said)
    assert "\x1b" not in ended.out
    assert f"\nDayNotPublished\n{WAITED_DAY} is not published" in ended.out
    assert "\nextract_loans: ValueError: no rows today\n" in ended.out
    name = ended.out.split()[1]
    assert ended.out.endswith(f"\nrepeat what is missing: pipeline trigger --resume {name}\n")
    again = deployed.typed("trigger", "--partition", WAITED_DAY, "--only", "catalogue", "--wait", "--json")
    assert (again.code, again.json["status"], again.json["partition"]) == (0, "SUCCEEDED", WAITED_DAY)


def test_resume_starts_what_did_not_end_well(deployed: Account, failed: str) -> None:
    started = deployed.typed("trigger", "--resume", failed, "--json").json
    assert started == {
        "run": started["run"],
        "partition": FAILED_DAY,
        "only": ["extract_loans", "extract_reviews"],
    }
    assert deployed.typed("show", started["run"], "--json").json["input"]["allow_empty"] is True
    deployed.stop(started["run"])


def test_upkeep_that_failed_after_a_good_day_is_shown_with_what_to_type(deployed: Account) -> None:
    empty = ("--only", "catalogue", "--allow-empty", "--json")
    name = deployed.typed("trigger", "--partition", GOOD_DAY, *empty).json["run"]
    wait_for(lambda: name not in deployed.running)
    shown = deployed.typed("show", name)
    assert "status     SUCCEEDED " in shown.out
    assert re.search(r"^maintain +failed +1", shown.out, re.MULTILINE)
    assert "\nno lake" in shown.out
    assert shown.out.endswith("\nthe day is published, the lake was not kept up: pipeline lake maintain\n")
    assert deployed.typed("show", name, "--json").json["input"]["allow_empty"] is True


def test_day_that_runs_is_refused_until_it_is_aborted(deployed: Account) -> None:
    started = deployed.pipeline("trigger", "--partition", HELD_DAY, "--from", "extract_members")
    assert started.code == 0, started.output
    name = started.output.split()[1]
    assert started.output == (
        f"started   {name}\npartition {HELD_DAY}\njobs      extract_members, catalogue\n"
        f"watch it  pipeline show {name}\n"
    )
    wait_for(lambda: "hanging" in str(recorded(deployed, name)))
    again = deployed.typed("trigger", "--partition", HELD_DAY)
    assert again.code == 2
    assert again.err == (f"DayIsTaken: {HELD_DAY} is being run by {name}. Look at it: pipeline show {name}\n")
    destroyed = deployed.typed("destroy", "--yes")
    assert destroyed.code == 2
    assert destroyed.err.endswith(f"is running {name}. End it first: pipeline abort {name}\n")
    shown = deployed.pipeline("show", name)
    assert shown.output.endswith(f"\nend it: pipeline abort {name}\n")

    aborted = deployed.typed("abort", name, "--json").json
    assert aborted == {"run": name, "was": "RUNNING", "cluster": aborted["cluster"]}
    wait_for(lambda: deployed.cluster_state(aborted["cluster"]) == "TERMINATED")
    wait_for(lambda: deployed.day_status(HELD_DAY) == "failed")
    said = deployed.pipeline("abort", name).output
    assert said.startswith(f"{name} had ended before: ABORTED\n")
    assert said.endswith(f"when the reaper has freed the day: pipeline trigger --resume {name}\n")


def test_cluster_that_does_not_come_up_is_shown_with_its_reason(deployed: Account) -> None:
    requests.put(deployed.faults, json={"fail_boot": 2}, timeout=10).raise_for_status()
    started = deployed.typed("trigger", "--partition", NO_CLUSTER_DAY, "--only", "catalogue", "--json").json
    emr = client("emr", deployed.url)
    wait_for(lambda: len(emr.list_clusters(ClusterStates=["TERMINATED_WITH_ERRORS"])["Clusters"]) == 2)
    shown = deployed.typed("show", started["run"])
    (cluster,) = [line for line in shown.out.splitlines() if line.startswith("cluster ")]
    assert "TERMINATED_WITH_ERRORS, BOOTSTRAP_FAILURE: " in cluster
    deployed.stop(started["run"])


# -- destroy


def test_destroy_keeps_the_base_and_prints_the_way_back(deployed: Account) -> None:
    wait_for(lambda: not deployed.running)
    refused = deployed.typed("destroy", answer="n\n")
    assert (refused.code, refused.err) == (1, "Delete library? [y/N]:nothing was deleted\n")
    assert deployed.stack("library") is not None

    iam = client("iam", deployed.url)  # somebody has given the policy to Dagster
    policy = {"PolicyArn": deployed.output("DagsterPolicy")}
    iam.create_role(RoleName="dagster", AssumeRolePolicyDocument="{}")
    iam.attach_role_policy(RoleName="dagster", **policy)
    iam.create_user(UserName="dagster")
    iam.attach_user_policy(UserName="dagster", **policy)
    ended = deployed.typed("destroy", "--yes")
    assert ended.code == 0, ended.err
    assert ended.out.startswith("library deleted\n")
    assert deployed.stack("library") is None
    assert deployed.stack("library-base") is not None
    buckets = {each["Name"] for each in client("s3", deployed.url).list_buckets()["Buckets"]}
    assert {f"library-base-{kind}bucket" for kind in ("lake", "runs", "artifacts")} < buckets
    gone = deployed.typed("destroy", "--yes", "--json")
    assert gone.json["deleted"] == []
    assert gone.json["kept"]["LakeBucket"] == "library-base-lakebucket"

    _, _, command = ended.out.splitlines()[-1].partition("deploy again: pipeline ")
    back = deployed.typed(*shlex.split(command), "--yes")
    assert back.code == 0, back.err
    assert deployed.stack("library") is not None


def test_destroy_with_its_data_leaves_nothing_and_the_way_back_makes_it_anew(deployed: Account) -> None:
    refused = deployed.pipeline("destroy", "--data")  # where nobody can answer
    assert refused.output.startswith("Delete library and library-base, with all the data? [y/N]")
    assert (refused.code, refused.last_line) == (1, "nothing was deleted")
    ended = deployed.typed("destroy", "--data", "--yes")
    assert ended.code == 0, ended.err
    assert deployed.stack("library-base") is None
    buckets = [each["Name"] for each in client("s3", deployed.url).list_buckets()["Buckets"]]
    assert not [each for each in buckets if each.startswith("library-base")]
    assert client("dynamodb", deployed.url).list_tables()["TableNames"] == []
    assert deployed.databases == set()

    _, _, command = ended.out.splitlines()[-1].partition("deploy again: pipeline ")
    back = deployed.pipeline(*shlex.split(command), "--yes")
    assert back.code == 0, back.output
    assert deployed.stack("library") is not None


def test_plan_is_explained(tmp_path: Path) -> None:
    ended = typed("synth", "--explain", "--json", home=tmp_path)
    assert "extract_loans before catalogue: the asset graph" in ended.json["plan"]


def recorded(account: Account, execution: str) -> list[str]:
    """What the jobs of an execution have reported so far."""
    s3 = client("s3", account.url)
    bucket = "library-base-runsbucket"
    found = s3.list_objects_v2(Bucket=bucket, Prefix=f"runs/pipes/{execution}/").get("Contents", [])
    return [s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read().decode() for each in found]
