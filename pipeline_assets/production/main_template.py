"""The stack of everything that a deployment may replace: machines, schedules, roles, alarms, dashboard.

Its parameters are what differs per account, and, put in by `pipeline deploy`: the base stack's outputs and the
addresses of the shipped code, dependencies and settings. A `${NAME}` in a machine's definition is one of `names`.
"""

import json
import re
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from awacs.aws import Action, ArnEquals, Condition, Null, Principal, StringEquals
from awacs.aws import Bool as AwsBool
from emr_jobs.catalog import MAINTAIN, Job
from emr_jobs.domain import domain_of
from emr_jobs.errors import Misconfigured
from emr_jobs.partition import Calendar
from emr_jobs.settings import DeploymentSettings, Production
from troposphere import (
    Equals,
    GetAtt,
    If,
    Join,
    Not,
    NoValue,
    Output,
    Parameter,
    Ref,
    Sub,
    Tags,
    Template,
    cloudwatch,
    emr,
    events,
    iam,
    kms,
    logs,
    scheduler,
    sns,
    sqs,
    stepfunctions,
)

from pipeline_assets.emr.clusters import INSTANCE_TAG
from pipeline_assets.production import daily_machine, side_machines
from pipeline_assets.production.asl import STATUSES
from pipeline_assets.production.base_template import BUCKETS
from pipeline_assets.production.dagster_policy import dagster_statements
from pipeline_assets.production.plan import Plan
from pipeline_assets.production.policies import (
    SECRETS_KEY,
    allow,
    catalog_arns,
    cleanup_role,
    condition_of,
    document,
    pass_role,
    publish,
    read_secrets,
    role,
    spot_role,
)
from pipeline_assets.production.secrets import secrets_of

CLUSTERS = Sub("arn:${AWS::Partition}:elasticmapreduce:${AWS::Region}:${AWS::AccountId}:cluster/*")
SHIPPED = ("Code", "Dependencies", "SettingsUri")  # put in by deploy
START_RETRY_S = 3600  # a start that comes later than this, of a day or of the reaper, is left to the person on call
START_ATTEMPTS = 10
ROLE_TAKING = ["sts:AssumeRole", "sts:TagSession"]  # what EMR does with a runtime role, on the cluster's behalf
MANAGED_RULES = ("RunJobFlow", "AddJobFlowSteps", "TerminateJobFlows")
_FROM_HERE = {"aws:SourceAccount": Ref("AWS::AccountId")}  # what a service does on behalf of this account
_SUBSTITUTION = re.compile(r"\$\{(\w+)\}")


def main_template(plan: Plan, settings: DeploymentSettings, definitions: dict[str, dict[str, Any]]) -> Template:
    """`definitions`: daily, reaper and watch."""
    return _Main(plan, settings, settings.production, definitions).template()


def schedule_expression(at: time, calendar: Calendar) -> str:
    """EventBridge Scheduler's cron of a local time. Raises Misconfigured where the UTC date is not the local one.

    The guard's key is the date part of the scheduled time, in UTC; the state language cannot convert it.
    """
    day = datetime(2024, 1, 1, at.hour, at.minute, tzinfo=ZoneInfo(calendar.timezone))
    for local in (day + timedelta(days=number) for number in range(366)):
        if local.astimezone(ZoneInfo("UTC")).date() != local.date():
            raise Misconfigured(f"a schedule at {at} {calendar.timezone}: its UTC date is another day, {local.date()}")
    return f"cron({at.minute} {at.hour} * * ? *)"


class _Main:
    def __init__(
        self, plan: Plan, settings: DeploymentSettings, production: Production, definitions: dict[str, dict[str, Any]]
    ) -> None:
        self.plan, self.settings, self.production, self.definitions = plan, settings, production, definitions
        self.made = Template(Description="The daily run: Step Functions, its schedule, roles, alarms and dashboard.")
        self.tags = Tags({"pipeline:stack": production.name, "pipeline:owner": production.owner})

    def template(self) -> Template:
        self._parameters()
        self._topic()
        self._cluster()
        for name, statements in self._machine_roles().items():
            self._machine(name, statements)
        self._reaper_rule()
        self._schedules()
        self._watching()
        self._dagster()
        return self.made

    # -- parameters

    def _parameters(self) -> None:
        for name in (*BUCKETS, "GuardTable"):
            self._parameter(name, "Output of the base stack")
        for name in SHIPPED:
            self._parameter(name, "Address under the hash of its content")
        self._parameter("Vpc", "Where the cluster runs", kind="AWS::EC2::VPC::Id")
        self._parameter("Subnets", "EMR takes the one that has capacity", kind="List<AWS::EC2::Subnet::Id>")
        for node in ("Primary", "Core", "Service"):
            self._parameter(f"{node}SecurityGroup", f"Of the {node.lower()} node", kind="AWS::EC2::SecurityGroup::Id")
        self._parameter("OrdersBucket", "Where the shop delivers orders")
        if "${SearchHost}" in self.settings.search.url:
            self._parameter("SearchHost", "Address of the OpenSearch domain")
            self._output("SearchHost", Ref("SearchHost"), "For the settings")
        if self.settings.search.auth == "sigv4":
            self._parameter("SearchDomain", "Name of the OpenSearch domain")
        optional = {
            "AlarmEmail": "Who is told; empty: subscribe to the topic yourself",
            "Certificate": "s3:// of a zip with PEM files: encryption in transit",
            "DiskKey": "ARN of a KMS key for the nodes' disks; empty: the stack makes one",
            SECRETS_KEY: "ARN of the KMS key of the secrets; empty: Secrets Manager's own",
            "DagsterRole": "Name of the role that Dagster has; empty: attach DagsterPolicy yourself",
        }
        for name, description in optional.items():
            self._parameter(name, description, default="")
            if name != "DiskKey":
                self.made.add_condition(condition_of(name), Not(Equals(Ref(name), "")))
        self.made.add_condition("MakesDiskKey", Equals(Ref("DiskKey"), ""))
        self._parameter("ExistingServiceRole", "Name of a role to take as EMR's service role", default="")
        self._parameter("ExistingInstanceRole", "Name of the role of ExistingInstanceProfile", default="")
        self._parameter("ExistingInstanceProfile", "Name of a profile to take for the instances", default="")

    def _parameter(self, name: str, description: str, *, kind: str = "String", default: str | None = None) -> None:
        optional = {} if default is None else {"Default": default}
        self.made.add_parameter(Parameter(name, Type=kind, Description=description, **optional))

    # -- who is told

    def _topic(self) -> None:
        self.made.add_resource(self._topic_key())
        self.made.add_resource(
            sns.Topic(
                "AlarmTopic",
                TopicName=f"{self.production.name}-alarms",
                KmsMasterKeyId=GetAtt("TopicEncryptionKey", "Arn"),
                Tags=self.tags,
            )
        )
        self.made.add_resource(
            sns.SubscriptionResource(
                "AlarmSubscription",
                TopicArn=Ref("AlarmTopic"),
                Protocol="email",
                Endpoint=Ref("AlarmEmail"),
                Condition="HasAlarmEmail",
            )
        )
        self._output("AlarmTopic", Ref("AlarmTopic"), "Failures and late days")

    def _topic_key(self) -> kms.Key:
        """Ours, because an alarm may not use the one that SNS brings (alias/aws/sns) and would tell nobody."""
        alarms = allow(["kms:Decrypt", "kms:GenerateDataKey*"], ["*"], Condition(StringEquals(_FROM_HERE)))
        alarms.Principal = Principal("Service", "cloudwatch.amazonaws.com")
        return kms.Key(
            "TopicEncryptionKey",
            Description=f"Messages of the topic of {self.production.name}",
            EnableKeyRotation=True,
            KeyPolicy=document([_left_to_iam(), alarms]),
            Tags=self.tags,
        )

    # -- the cluster's roles and security

    def _cluster(self) -> None:
        for name in ("ServiceRole", "InstanceProfile"):
            self.made.add_condition(f"Makes{name}", Equals(Ref(f"Existing{name}"), ""))
        self._disk_key()
        self.made.add_resource(
            role(
                "EmrServiceRole",
                "elasticmapreduce.amazonaws.com",
                [
                    pass_role([self._name("InstanceRoleArn")], "ec2.amazonaws.com"),
                    spot_role(),
                    # EMR 8 makes its endpoint in a private subnet itself.
                    allow(
                        ["ec2:CreateVpcEndpoint", "ec2:ModifyVpcEndpoint"],
                        [
                            Sub("arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:vpc/${Vpc}"),
                            Sub("arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:vpc-endpoint/*"),
                            Sub("arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:subnet/*"),
                            Sub("arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:security-group/*"),
                        ],
                    ),
                    *self._disk_key_use(),
                ],
                ManagedPolicyArns=[Sub("arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonEMRServicePolicy_v2")],
                Condition="MakesServiceRole",
                Tags=self.tags,
            )
        )
        self.made.add_resource(
            role(
                "EmrInstanceRole",
                "ec2.amazonaws.com",
                [*self._data(secrets=not self.production.runtime_roles), *self._disk_key_use()],
                Condition="MakesInstanceProfile",
                Tags=self.tags,
            )
        )
        self.made.add_resource(
            iam.InstanceProfile("EmrInstanceProfile", Roles=[Ref("EmrInstanceRole")], Condition="MakesInstanceProfile")
        )
        if self.production.runtime_roles:
            self._runtime_roles()
        self.made.add_resource(
            emr.SecurityConfiguration("SecurityConfiguration", SecurityConfiguration=self._security())
        )
        for name in ("EmrServiceRole", "EmrInstanceProfile", "SecurityConfiguration"):
            self._output(name, self._name(name), "For launcher emr")

    def _runtime_roles(self) -> None:
        """One per job, so that only the job that reads a source can read its secret. Not run on AWS."""
        for job in self._steps():
            title = f"{daily_machine.state_name(job)}Role"
            statements = self._data(secrets=False) + read_secrets(secrets_of(job, self.settings))
            made = role(title, "ec2.amazonaws.com", statements, Tags=self.tags)
            trust = made.AssumeRolePolicyDocument.Statement[0]
            trust.Principal.data = {"AWS": self._name("InstanceRoleArn")}
            trust.Action = [Action(*each.split(":")) for each in ROLE_TAKING]
            self.made.add_resource(made)
        taking = iam.ManagedPolicy(
            "RuntimeRolesPolicy",
            PolicyDocument=document([allow(ROLE_TAKING, self._runtime_arns())]),
            Roles=[Ref("EmrInstanceRole")],
            Condition="MakesInstanceProfile",
        )
        self.made.add_resource(taking)

    def _runtime_arns(self) -> list[Any]:
        return [GetAtt(f"{daily_machine.state_name(job)}Role", "Arn") for job in self._steps()]

    def _steps(self) -> tuple[Job, ...]:
        """Everything that the machine runs on the cluster."""
        return (*self.plan.jobs, *([MAINTAIN] if self.production.maintain else []))

    def _disk_key(self) -> None:
        """Of the nodes' disks; which principals of the account may use it, their roles say."""
        key = kms.Key(
            "DiskEncryptionKey",
            Description=f"Disks of the EMR nodes of {self.production.name}",
            EnableKeyRotation=True,
            KeyPolicy=document([_left_to_iam()]),
            Condition="MakesDiskKey",
            Tags=self.tags,
        )
        self.made.add_resource(key)

    def _disk_key_use(self) -> list[Any]:
        # EC2 asks for data keys without their plaintext, EMR's own program on each node for one with it.
        use = ["Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "GenerateDataKey*", "DescribeKey"]
        granted = Condition(AwsBool({"kms:GrantIsForAWSResource": "true"}))
        return [
            allow([f"kms:{each}" for each in use], [self._name("DiskKeyArn")]),
            allow(["kms:CreateGrant"], [self._name("DiskKeyArn")], granted),
        ]

    def _data(self, *, secrets: bool) -> list[Any]:
        """What a job reads and writes."""
        statements = [
            allow(
                ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
                [Sub("arn:${AWS::Partition}:s3:::${LakeBucket}/*"), Sub("arn:${AWS::Partition}:s3:::${RunsBucket}/*")],
            ),
            allow(
                ["s3:GetObject"],
                [
                    Sub("arn:${AWS::Partition}:s3:::${ArtifactsBucket}/*"),
                    Sub("arn:${AWS::Partition}:s3:::${OrdersBucket}/*"),
                ],
            ),
            allow(
                ["s3:ListBucket", "s3:GetBucketLocation"],
                [Sub(f"arn:${{AWS::Partition}}:s3:::${{{name}}}") for name in (*BUCKETS, "OrdersBucket")],
            ),
            allow(
                ["glue:GetDatabase", "glue:GetDatabases", "glue:GetTable", "glue:GetTables", "glue:UpdateTable"],
                catalog_arns(domain_of(self.settings).tables, self.settings.lake.database_prefix),
            ),
        ]
        if secrets:
            statements += read_secrets(each for job in self.plan.jobs for each in secrets_of(job, self.settings))
        if self.settings.search.auth == "sigv4":
            actions = [f"es:ESHttp{verb}" for verb in ("Delete", "Get", "Head", "Post", "Put")]
            statements.append(
                allow(
                    actions, [Sub("arn:${AWS::Partition}:es:${AWS::Region}:${AWS::AccountId}:domain/${SearchDomain}/*")]
                )
            )
        return statements

    def _security(self) -> dict[str, Any]:
        certificate = {
            "TLSCertificateConfiguration": {"CertificateProviderType": "PEM", "S3Object": Ref("Certificate")}
        }
        disk = {
            "EnableEbsEncryption": True,
            "EncryptionKeyProviderType": "AwsKms",
            "AwsKmsKey": self._name("DiskKeyArn"),
        }
        return {
            "EncryptionConfiguration": {
                "EnableAtRestEncryption": True,
                # Of disks only: what S3 encrypts is EMRFS's business, which this release has not got; the buckets do.
                "AtRestEncryptionConfiguration": {"LocalDiskEncryptionConfiguration": disk},
                "EnableInTransitEncryption": If("HasCertificate", True, False),
                "InTransitEncryptionConfiguration": If("HasCertificate", certificate, NoValue),
            },
            "InstanceMetadataServiceConfiguration": {
                "MinimumInstanceMetadataServiceVersion": 2,
                "HttpPutResponseHopLimit": 1,
            },
            **(
                {"AuthorizationConfiguration": {"IAMConfiguration": {"EnableApplicationScopedIAMRole": True}}}
                if self.production.runtime_roles
                else {}
            ),
        }

    def _dagster(self) -> None:
        roles = {"service_role": self._name("ServiceRoleArn"), "instance_role": self._name("InstanceRoleArn")}
        policy = iam.ManagedPolicy(
            "DagsterPolicy",
            PolicyDocument=document(dagster_statements(self.settings, **roles)),
            Roles=If("HasDagsterRole", [Ref("DagsterRole")], NoValue),
        )
        self.made.add_resource(policy)
        self._output("DagsterPolicy", Ref(policy), "ARN of what the Dagster code location may do")

    # -- state machines

    def _machine_roles(self) -> dict[str, list[Any]]:
        ours = Condition(StringEquals("elasticmapreduce:ResourceTag/pipeline:stack", self.production.name))
        table = [Sub("arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${GuardTable}")]
        tell = publish()
        delivery = ("Create", "Get", "Update", "Delete", "List")
        logging = allow(
            [f"logs:{verb}LogDelivery" if verb != "List" else "logs:ListLogDeliveries" for verb in delivery]
            + ["logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups"],
            ["*"],  # these know no resource
        )
        rules = [
            f"arn:${{AWS::Partition}}:events:${{AWS::Region}}:${{AWS::AccountId}}:rule/StepFunctionsGetEventForEMR{each}Rule"
            for each in MANAGED_RULES
        ]
        steps = ["AddJobFlowSteps", "CancelSteps", "DescribeCluster", "DescribeStep", "TerminateJobFlows"]
        policies = ["PutAutoTerminationPolicy", "GetAutoTerminationPolicy", "RemoveAutoTerminationPolicy", "AddTags"]
        runtime = self._runtime_arns() if self.production.runtime_roles else []
        # Tagging must not become a way to end a cluster that Dagster made.
        not_of_dagster = Condition(Null({f"elasticmapreduce:ResourceTag/{INSTANCE_TAG}": "true"}))
        tagged = Condition(StringEquals(f"elasticmapreduce:RequestTag/{daily_machine.STACK_TAG}", self.production.name))
        daily = [
            allow(["elasticmapreduce:RunJobFlow"], ["*"], tagged),  # a cluster that does not exist has no ARN
            allow([f"elasticmapreduce:{each}" for each in steps], [CLUSTERS], ours),
            allow([f"elasticmapreduce:{each}" for each in policies], [CLUSTERS], not_of_dagster),
            pass_role([self._name("ServiceRoleArn")], "elasticmapreduce.amazonaws.com"),
            pass_role([self._name("InstanceRoleArn")], "ec2.amazonaws.com"),
            *([pass_role(runtime, "elasticmapreduce.amazonaws.com")] if runtime else []),
            cleanup_role(),
            allow(["events:PutTargets", "events:PutRule", "events:DescribeRule"], [Sub(each) for each in rules]),
            allow(["dynamodb:PutItem", "dynamodb:UpdateItem"], table),
            allow(["s3:GetObject"], [Sub(f"arn:${{AWS::Partition}}:s3:::{daily_machine.reasons(self.settings)}")]),
            *tell,
            logging,
        ]
        reaper = [
            allow(["elasticmapreduce:DescribeCluster", "elasticmapreduce:TerminateJobFlows"], [CLUSTERS], ours),
            allow(["elasticmapreduce:ListClusters"], ["*"]),  # it knows no resource
            allow(["dynamodb:GetItem", "dynamodb:UpdateItem"], table),
            *tell,
            logging,
        ]
        watch = [allow(["dynamodb:GetItem"], table), *tell, logging]
        return {"daily": daily, "reaper": reaper, "watch": watch}

    def _machine(self, name: str, statements: list[Any]) -> None:
        title = name.capitalize()
        full = f"{self.production.name}-{name}"
        arn = f"arn:${{AWS::Partition}}:states:${{AWS::Region}}:${{AWS::AccountId}}:stateMachine:{full}"
        self.made.add_resource(
            role(f"{title}Role", "states.amazonaws.com", statements, source=Sub(arn), Tags=self.tags)
        )
        group = self.made.add_resource(
            logs.LogGroup(
                f"{title}Log",
                LogGroupName=f"/aws/vendedlogs/states/{full}",
                RetentionInDays=self.production.log_retention_days,
            )
        )
        definition = self.definitions[name]
        used = sorted(set(_SUBSTITUTION.findall(json.dumps(definition))))
        self.made.add_resource(
            stepfunctions.StateMachine(
                f"{title}Machine",
                StateMachineName=full,
                StateMachineType="STANDARD",
                RoleArn=GetAtt(f"{title}Role", "Arn"),
                Definition=definition,
                DefinitionSubstitutions={each: self._name(each) for each in used},
                LoggingConfiguration=stepfunctions.LoggingConfiguration(
                    Level="ERROR",
                    IncludeExecutionData=False,
                    Destinations=[
                        stepfunctions.LogDestination(
                            CloudWatchLogsLogGroup=stepfunctions.CloudWatchLogsLogGroup(
                                LogGroupArn=GetAtt(group, "Arn")
                            )
                        )
                    ],
                ),
                Tags=self.tags,
            )
        )
        self._output(f"{title}Machine", Ref(f"{title}Machine"), f"ARN of the state machine {name}")

    def _name(self, name: str) -> Any:
        """What stands for `${name}` in a definition, or in the settings of the deployment."""
        chosen = {
            "Subnets": Join(",", Ref("Subnets")),
            "DiskKeyArn": If("MakesDiskKey", GetAtt("DiskEncryptionKey", "Arn"), Ref("DiskKey")),
            "EmrServiceRole": If("MakesServiceRole", Ref("EmrServiceRole"), Ref("ExistingServiceRole")),
            "ServiceRoleArn": If("MakesServiceRole", GetAtt("EmrServiceRole", "Arn"), _role_arn("ExistingServiceRole")),
            "EmrInstanceProfile": If("MakesInstanceProfile", Ref("EmrInstanceProfile"), Ref("ExistingInstanceProfile")),
            "InstanceRoleArn": If(
                "MakesInstanceProfile", GetAtt("EmrInstanceRole", "Arn"), _role_arn("ExistingInstanceRole")
            ),
        }
        if self.production.runtime_roles:
            titles = [f"{daily_machine.state_name(job)}Role" for job in self._steps()]
            chosen |= {title: GetAtt(title, "Arn") for title in titles}
        if name in chosen:
            return chosen[name]
        if name not in self.made.parameters and name not in self.made.resources:
            known = sorted({*chosen, *self.made.parameters})
            raise Misconfigured(f"settings: ${{{name}}} is not known; there are {', '.join(known)}")
        return Ref(name)

    # -- what starts them

    def _reaper_rule(self) -> None:
        self.made.add_resource(
            role(
                "ReaperRuleRole",
                "events.amazonaws.com",
                [allow(["states:StartExecution"], [Ref("ReaperMachine")])],
                Tags=self.tags,
            )
        )
        self.made.add_resource(
            events.Rule(
                "ReaperRule",
                Description="An execution that has ended leaves nothing behind",
                EventPattern={
                    "source": ["aws.states"],
                    "detail-type": [STATUSES],
                    "detail": {"stateMachineArn": [Ref("DailyMachine")], "status": list(side_machines.REAPED)},
                },
                Targets=[
                    events.Target(
                        Id="reaper",
                        Arn=Ref("ReaperMachine"),
                        RoleArn=GetAtt("ReaperRuleRole", "Arn"),
                        RetryPolicy=events.RetryPolicy(
                            MaximumEventAgeInSeconds=START_RETRY_S, MaximumRetryAttempts=START_ATTEMPTS
                        ),
                        DeadLetterConfig=events.DeadLetterConfig(Arn=GetAtt("UnreapedQueue", "Arn")),
                    )
                ],
            )
        )
        self._queue("UnreapedQueue")
        # EventBridge takes no role for it: the queue says whose events it takes.
        delivered = allow(["sqs:SendMessage"], [GetAtt("UnreapedQueue", "Arn")])
        delivered.Principal = Principal("Service", "events.amazonaws.com")
        delivered.Condition = Condition(ArnEquals("aws:SourceArn", GetAtt("ReaperRule", "Arn")))
        self.made.add_resource(
            sqs.QueuePolicy("UnreapedQueuePolicy", Queues=[Ref("UnreapedQueue")], PolicyDocument=document([delivered]))
        )

    def _queue(self, title: str) -> None:
        """Of what could not be delivered, for 14 days, the longest that there is."""
        self.made.add_resource(
            sqs.Queue(title, SqsManagedSseEnabled=True, MessageRetentionPeriod=1_209_600, Tags=self.tags)
        )

    def _schedules(self) -> None:
        group = self.made.add_resource(scheduler.ScheduleGroup("Schedules", Name=self.production.name, Tags=self.tags))
        self._queue("UndeliveredQueue")
        arn = Sub(
            "arn:${AWS::Partition}:scheduler:${AWS::Region}:${AWS::AccountId}:schedule-group/" + self.production.name
        )
        self.made.add_resource(
            role(
                "ScheduleRole",
                "scheduler.amazonaws.com",
                [
                    allow(["states:StartExecution"], [Ref("DailyMachine"), Ref("WatchMachine")]),
                    allow(["sqs:SendMessage"], [GetAtt("UndeliveredQueue", "Arn")]),
                ],
                source=arn,
                Tags=self.tags,
            )
        )
        found = domain_of(self.settings)
        late = max(contract.available_by for contract in found.contracts.values() if contract.available_by)
        context = {"scheduled_time": "<aws.scheduler.scheduled-time>"}
        starts = {
            "daily": (found.calendar.run_at, "DailyMachine", {**context, "trigger": daily_machine.SCHEDULE}),
            "watch": (late, "WatchMachine", context),
        }
        for name, (at, target, given) in starts.items():
            self.made.add_resource(
                scheduler.Schedule(
                    f"{name.capitalize()}Schedule",
                    Name=f"{self.production.name}-{name}",
                    GroupName=Ref(group),
                    ScheduleExpression=schedule_expression(at, found.calendar),
                    ScheduleExpressionTimezone=found.calendar.timezone,
                    FlexibleTimeWindow=scheduler.FlexibleTimeWindow(Mode="OFF"),
                    State="ENABLED",
                    Target=scheduler.Target(
                        Arn=Ref(target),
                        RoleArn=GetAtt("ScheduleRole", "Arn"),
                        Input=json.dumps(given),
                        RetryPolicy=scheduler.RetryPolicy(
                            MaximumEventAgeInSeconds=START_RETRY_S, MaximumRetryAttempts=START_ATTEMPTS
                        ),
                        DeadLetterConfig=scheduler.DeadLetterConfig(Arn=GetAtt("UndeliveredQueue", "Arn")),
                    ),
                )
            )

    # -- alarms and dashboard

    def _watching(self) -> None:
        self.made.add_resource(
            sns.TopicPolicy(
                "AlarmTopicPolicy",
                Topics=[Ref("AlarmTopic")],
                PolicyDocument=document([self._alarms_may_publish()]),
            )
        )
        for title in ("Daily", "Reaper", "Watch"):
            dimension = cloudwatch.MetricDimension(Name="StateMachineArn", Value=Ref(f"{title}Machine"))
            for ending in ("Failed", "TimedOut", "Aborted") if title == "Daily" else ("Failed", "TimedOut"):
                self._alarm(f"{title}{ending}", "AWS/States", f"Executions{ending}", dimension)
        for title in ("Undelivered", "Unreaped"):
            queue = cloudwatch.MetricDimension(Name="QueueName", Value=GetAtt(f"{title}Queue", "QueueName"))
            self._alarm(title, "AWS/SQS", "ApproximateNumberOfMessagesVisible", queue)
        self.made.add_resource(
            cloudwatch.Dashboard(
                "Dashboard", DashboardName=self.production.name, DashboardBody=Sub(json.dumps(self._dashboard()))
            )
        )

    def _alarms_may_publish(self) -> Any:
        statement = allow(["sns:Publish"], [Ref("AlarmTopic")])
        statement.Principal = Principal("Service", "cloudwatch.amazonaws.com")
        statement.Condition = Condition(StringEquals(_FROM_HERE))
        return statement

    def _alarm(self, title: str, namespace: str, metric: str, dimension: Any) -> None:
        self.made.add_resource(
            cloudwatch.Alarm(
                f"{title}Alarm",
                AlarmName=f"{self.production.name}-{title}",
                AlarmDescription=f"docs/operations.md, alarm {title}",
                Namespace=namespace,
                MetricName=metric,
                Dimensions=[dimension],
                Statistic="Maximum" if namespace == "AWS/SQS" else "Sum",
                Period=300,
                EvaluationPeriods=1,
                Threshold=1,
                ComparisonOperator="GreaterThanOrEqualToThreshold",
                TreatMissingData="notBreaching",
                AlarmActions=[Ref("AlarmTopic")],
            )
        )

    def _dashboard(self) -> dict[str, Any]:
        def graph(title: str, x: int, metrics: list[list[Any]]) -> dict[str, Any]:
            properties = {"title": title, "region": "${AWS::Region}", "stat": "Sum", "period": 3600, "metrics": metrics}
            return {"type": "metric", "x": x, "y": 0, "width": 12, "height": 6, "properties": properties}

        machine = ["StateMachineArn", "${DailyMachine}"]
        ends = ("Succeeded", "Failed", "TimedOut", "Aborted")
        return {
            "widgets": [
                graph("How the daily run ended", 0, [["AWS/States", f"Executions{end}", *machine] for end in ends]),
                graph("How long it took, ms", 12, [["AWS/States", "ExecutionTime", *machine, {"stat": "Maximum"}]]),
            ]
        }

    def _output(self, name: str, value: Any, description: str) -> None:
        self.made.add_output(Output(name, Value=value, Description=description))


def _left_to_iam() -> Any:
    """Who of the account may use a key is what their roles say."""
    statement = allow(["kms:*"], ["*"])
    statement.Principal = Principal("AWS", Sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:root"))
    return statement


def _role_arn(parameter: str) -> Sub:
    return Sub(f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/${{{parameter}}}")
