"""A deployment into an account: base stack, package, tables, settings, main stack; each step can be repeated.

Does not own: what is deployed (synth), CloudFormation (stacks), what is asked and printed (cli). Invariant: a stack
that is tagged as another owner's is left alone.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import tomlkit
from emr_jobs.core import settings as settings_module
from emr_jobs.core.errors import Misconfigured
from emr_jobs.core.s3_uri import bucket_and_key
from emr_jobs.core.settings import DeploymentSettings, Settings, of_a_deployment
from emr_jobs.domain import domain_of

from pipeline_assets.home import ROOT
from pipeline_assets.production.apply.stacks import BODY_LIMIT_BYTES, ROLLED_BACK, ChangeSet, Stack, Stacks
from pipeline_assets.production.generate.base_template import BUCKETS, TAKES_DATABASES
from pipeline_assets.production.generate.main.parameters import SHIPPED
from pipeline_assets.production.generate.policies import databases
from pipeline_assets.production.generate.synth import Deployment, text
from pipeline_assets.production.generate.tags import OWNER_TAG, STACK_TAG, deployment_tags
from pipeline_assets.shipping import package
from pipeline_assets.versions import refuse_unpinned_base

NOT_FOR_JOBS = {"emr", "lineage", "production"}  # sections; what is in them is known only when the main stack is there
SETTINGS_NAME = "settings.toml"
_ANOTHER_NAME = "Give yours another name: production.name in the settings"
_EXAMPLE = re.compile(r"<[^<>]+>")
_NAME = re.compile(r"\$\{(\w+)\}")

Progress = Callable[[str], None]


class AnotherOwner(Misconfigured):
    """The stack is tagged as somebody else's."""


class AnotherDeployment(Misconfigured):
    """What this one would be called, or would make, is another one's already."""


@dataclass
class Deploying:
    """The steps, in their order; every one that changes something is proposed first."""

    deployment: Deployment
    parameters: Mapping[str, str]
    stacks: Stacks = field(default_factory=Stacks)
    revert_drift: bool = False

    def refuse_what_is_not_ours(self) -> None:
        """Stacks and databases."""
        for name in self.deployment.stacks:
            refuse_what_is_not_ours(self.stacks.find(name), self.deployment)
        base = self.stacks.find(self.deployment.base_stack)
        makes = base is None or base.status == ROLLED_BACK
        taken = {**(base.parameters if base else {}), **self.parameters}.get(TAKES_DATABASES)
        name = self.deployment.production.name
        for database, marked in _databases_there(self.deployment).items():
            if marked not in (None, name):
                raise AnotherDeployment(
                    f"database {database}: expected one of {name}, found one of {marked}. {_ANOTHER_NAME}"
                )
            if makes and not taken:
                raise AnotherDeployment(
                    f"database {database} is there already, with the tables of an earlier deployment or of others. "
                    f"Take it: pipeline deploy --parameter {TAKES_DATABASES}=yes. Or: {_ANOTHER_NAME}"
                )

    def remove_rolled_back(self, *, progress: Progress) -> list[str]:
        """Stacks whose creation failed: CloudFormation changes none of them. What was given to them is kept."""
        there = [stack for name in self.deployment.stacks if (stack := self.stacks.find(name)) is not None]
        gone = [stack for stack in there if stack.status == ROLLED_BACK]
        self.parameters = {**given_parameters(self.deployment, gone), **self.parameters}
        for stack in gone:
            self.stacks.delete(stack.name, progress=progress)
        return [stack.name for stack in gone]

    def refuse_examples(self) -> None:
        """Values that stand in <>: nobody has put theirs in."""
        if left := dict(_examples(dumped(self.deployment.settings), "")):
            lines = "\n".join(f"  {place} = {value}" for place, value in left.items())
            raise Misconfigured(f"settings: {len(left)} values are still the example's. Put yours in:\n{lines}")

    def refuse_unpinned_base(self) -> None:
        """Of the code location's image, which goes with the stacks: the local AWS runs none."""
        if self.deployment.settings.aws.endpoint is None:
            refuse_unpinned_base()

    def refuse_wrong_parameters(self) -> None:
        """Those that no stack has, those that are missing, those that only the settings name."""
        templates = self.deployment.stacks
        declared = {key: each for made in templates.values() for key, each in made.get("Parameters", {}).items()}
        if unknown := sorted(set(self.parameters) - set(declared)):
            raise Misconfigured(f"no stack has parameter {', '.join(unknown)}; there are {', '.join(sorted(declared))}")
        outputs = {name for made in templates.values() for name in made["Outputs"]}
        if unknown := sorted(names_in(self.deployment.settings) - set(declared) - outputs):
            raise Misconfigured(
                f"settings: ${{{unknown[0]}}} is no parameter and no output of the stacks; "
                f"there are {', '.join(sorted({*declared, *outputs}))}"
            )
        self._refuse_half_a_profile()
        there = {*self.parameters, *self._previous(), *self.deployment.base["Outputs"], *SHIPPED}
        missing = [key for key, each in declared.items() if key not in there and "Default" not in each]
        if missing:
            lines = [f"  {key}: {declared[key]['Description']}" for key in missing]
            raise Misconfigured(
                f"{self.deployment.production.name} needs {len(missing)} parameters that it does not have yet:\n"
                + "\n".join(lines)
                + f"\nGive each once, the stack keeps it: pipeline deploy --parameter {missing[0]}=VALUE"
            )

    def propose_base(self) -> ChangeSet | None:
        return self._propose(self.deployment.base_stack, self.deployment.base, {})

    def ship(self, *, progress: Progress) -> dict[str, str]:
        """Package, tables and the jobs' settings; returns the parameters that name them."""
        names = self._names()
        for_jobs = jobs_settings(self.deployment.settings, names)
        settings = _parsed(for_jobs)
        artifacts = self._artifacts(names)
        progress("building the package")
        built = package.build(self.deployment.settings.emr.arch, self.deployment.settings.domain, progress=progress)
        progress("uploading the package")
        shipped, _ = package.upload(built, artifacts)
        progress("tables of the lake")
        from pipeline_assets import lake

        lake.apply(settings)
        uri = package.upload_text(tomlkit.dumps(for_jobs), artifacts, "settings-{}.toml")
        addresses = (shipped.code.removesuffix(".zip"), shipped.dependencies, uri)
        return dict(zip(SHIPPED, addresses, strict=True))

    def propose_main(self, shipped: Mapping[str, str]) -> ChangeSet | None:
        base = self._deployed(self.deployment.base_stack)
        return self._propose(self.deployment.production.name, self.deployment.main, {**base.outputs, **shipped})

    def keep_settings(self) -> str:
        """The settings of the deployment, whole, for `--settings`; returns their address."""
        base, main = self._deployed(self.deployment.base_stack), self._deployed(self.deployment.production.name)
        names = {**main.parameters, **base.outputs, **main.outputs}
        values = filled(dumped(self.deployment.settings), names)
        artifacts = self._artifacts(names)
        from pipeline_assets.s3 import Folder

        Folder(artifacts).write(SETTINGS_NAME, tomlkit.dumps(values).encode())
        return f"{artifacts}/{SETTINGS_NAME}"

    def _propose(self, name: str, template: dict[str, Any], ours: Mapping[str, str]) -> ChangeSet | None:
        deployed = self.stacks.find(name)
        known = deployed.parameters if deployed else {}
        given = {**self.parameters, **ours}
        declared = template.get("Parameters", {})
        values = {key: given.get(key) for key in declared if key in given or key in known}
        tags = deployment_tags(self.deployment.production)
        body = text(template)
        address = self._large(body) if len(body.encode()) > BODY_LIMIT_BYTES else None
        return self.stacks.propose(
            name, body, parameters=values, tags=tags, address=address, revert_drift=self.revert_drift
        )

    def _large(self, template: str) -> str:
        """Address of a template that CloudFormation takes from S3 only."""
        uri = package.upload_text(template, self._artifacts(self._names()), "template-{}.json")
        import boto3

        bucket, key = bucket_and_key(uri)
        return f"{boto3.client('s3').meta.endpoint_url}/{bucket}/{key}"

    def _names(self) -> dict[str, str]:
        """What is put in for `${NAME}` before the main stack is there."""
        base = self._deployed(self.deployment.base_stack)
        return {**self._previous(), **base.outputs, **self.parameters}

    def _artifacts(self, names: Mapping[str, str]) -> str:
        return str(_fill(self.deployment.settings.emr.artifacts_uri, names))

    def _refuse_half_a_profile(self) -> None:
        pair = ("ExistingInstanceProfile", "ExistingInstanceRole")
        given = self.values()
        if len({bool(given.get(name)) for name in pair}) > 1:
            raise Misconfigured(f"{' and '.join(pair)}: give both, or neither")

    def values(self) -> dict[str, str]:
        """Of the main stack's parameters: what it keeps, and what is given now."""
        return {**self._previous(), **self.parameters}

    def _previous(self) -> dict[str, str]:
        main = self.stacks.find(self.deployment.production.name)
        return main.parameters if main else {}

    def _deployed(self, name: str) -> Stack:
        found = self.stacks.find(name)
        if found is None:
            raise Misconfigured(f"stack {name} does not exist. Make it: pipeline deploy")
        return found


def refuse_what_is_not_ours(stack: Stack | None, deployment: Deployment) -> None:
    """The base stack of `sales` is called like the main stack of `sales-base`."""
    if stack is None:
        return
    production = deployment.production
    if (owner := stack.tags.get(OWNER_TAG)) != production.owner:
        raise AnotherOwner(
            f"stack {stack.name}: expected owner {production.owner}, found {owner or 'no tag ' + OWNER_TAG}. "
            f"{_ANOTHER_NAME}"
        )
    if (name := stack.tags.get(STACK_TAG)) != production.name:
        raise AnotherDeployment(
            f"stack {stack.name}: expected one of {production.name}, found one of {name}. {_ANOTHER_NAME}"
        )


def _databases_there(deployment: Deployment) -> dict[str, str | None]:
    """Those of the deployment's that Glue has, with the deployment that made each, None of what others made."""
    import boto3

    glue = boto3.client("glue")
    found: dict[str, str | None] = {}
    for name in databases(domain_of(deployment.settings).tables, deployment.settings.lake.database_prefix).values():
        with suppress(glue.exceptions.EntityNotFoundException):
            found[name] = glue.get_database(Name=name)["Database"].get("Parameters", {}).get(STACK_TAG)
    return found


def deployed(settings: DeploymentSettings, stack: Stack) -> DeploymentSettings:
    """With what the main stack has put in."""
    return of_a_deployment(_parsed(filled(dumped(settings), {**stack.parameters, **stack.outputs})))


def to_deploy_again(deployment: Deployment, deleted: Sequence[Stack]) -> str:
    """The command that makes them once more: the parameters go with the stacks that kept them."""
    parameters = sorted(given_parameters(deployment, deleted).items())
    return " ".join(["pipeline deploy", *(f"--parameter {name}={value}" for name, value in parameters)])


def given_parameters(deployment: Deployment, stacks: Sequence[Stack]) -> dict[str, str]:
    """What somebody has given to them, without what deploy puts in by itself."""
    ours = {*SHIPPED, *deployment.base["Outputs"]}
    return {name: value for stack in stacks for name, value in stack.parameters.items() if name not in ours and value}


def detach_policy(main: Stack) -> None:
    """From whom somebody has given it to: IAM deletes no policy that is attached, and the stack would stay half."""
    import boto3

    arn, iam = main.outputs.get("DagsterPolicy"), boto3.client("iam")
    if arn is None:
        return
    with suppress(iam.exceptions.NoSuchEntityException):  # an earlier try has deleted it
        for page in list(iam.get_paginator("list_entities_for_policy").paginate(PolicyArn=arn)):
            for role in page["PolicyRoles"]:
                iam.detach_role_policy(PolicyArn=arn, RoleName=role["RoleName"])
            for user in page["PolicyUsers"]:
                iam.detach_user_policy(PolicyArn=arn, UserName=user["UserName"])
            for group in page["PolicyGroups"]:
                iam.detach_group_policy(PolicyArn=arn, GroupName=group["GroupName"])


def delete_data(deployment: Deployment, base: Stack, *, progress: Progress) -> None:
    """What the base stack made, and what is in it: such a stack retains it all when it is deleted."""
    import boto3

    if base.status == ROLLED_BACK:
        return  # it made nothing: what is called like its own is somebody else's
    for title in BUCKETS:
        if not base.parameters[f"Existing{title}"]:
            progress(f"emptying {base.outputs[title]}")
            bucket = boto3.resource("s3").Bucket(base.outputs[title])
            bucket.object_versions.delete()  # of a bucket without versions: the objects
            bucket.delete()
    if not base.parameters["ExistingGuardTable"]:
        boto3.client("dynamodb").delete_table(TableName=base.outputs["GuardTable"])
    if not base.parameters[TAKES_DATABASES]:
        for name in databases(domain_of(deployment.settings).tables, deployment.settings.lake.database_prefix).values():
            boto3.client("glue").delete_database(Name=name)  # and the tables in it


def unheard(topic: str) -> list[str]:
    """A warning when nobody has confirmed a subscription to the alarms."""
    import boto3

    found = boto3.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    if any(each["SubscriptionArn"].startswith("arn:") for each in found):
        return []
    if found:
        asked = ", ".join(each["Endpoint"] for each in found)
        return [f"nobody hears the alarms: {asked} has not confirmed. The link is in the mail"]
    return [
        "nobody hears the alarms. Subscribe: pipeline deploy --parameter AlarmEmail=ADDRESS, or: "
        f"aws sns subscribe --topic-arn {topic} --protocol PROTOCOL --notification-endpoint ADDRESS"
    ]


def names_in(settings: Settings) -> set[str]:
    """Of the values that the stacks put in."""
    return set(_NAME.findall(json.dumps(dumped(settings))))


def _examples(value: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _examples(each, f"{place}.{key}" if place else key)
    elif isinstance(value, str) and _EXAMPLE.search(value):
        yield place, value


def jobs_settings(settings: DeploymentSettings, names: Mapping[str, str]) -> dict[str, Any]:
    """What the jobs on the cluster read."""
    return filled(dumped(settings, without=NOT_FOR_JOBS), names)


def dumped(settings: Settings, *, without: set[str] = frozenset()) -> dict[str, Any]:  # type: ignore[assignment]
    return settings.model_dump(mode="json", exclude_none=True, exclude=without)


def filled(values: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """With every `${NAME}` replaced; a list of one name takes all that the name has, comma separated."""
    return dict(_fill(values, names))


def _fill(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _fill(each, names) for key, each in value.items()}
    if isinstance(value, list):
        if len(value) == 1 and isinstance(value[0], str) and _NAME.fullmatch(value[0]):
            return str(_fill(value[0], names)).split(",")
        return [_fill(each, names) for each in value]
    if isinstance(value, str):
        return _NAME.sub(lambda found: _named(found[1], names), value)
    return value


def _named(name: str, names: Mapping[str, str]) -> str:
    if name not in names:
        raise Misconfigured(f"settings: ${{{name}}} has no value. Give it: --parameter {name}=VALUE")
    return names[name]


def _parsed(values: dict[str, Any]) -> Settings:
    return settings_module.parse(tomlkit.dumps(values), where="the deployment", base=ROOT)
