"""A deployment into an account: base stack, package, tables, settings, main stack; each step can be repeated.

Does not own: what is deployed (synth), CloudFormation (stacks), what is asked and printed (cli). Invariant: a stack
that is tagged as another owner's is left alone.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import tomlkit
from emr_jobs import settings as settings_module
from emr_jobs.errors import Misconfigured
from emr_jobs.settings import Settings

from pipeline_assets.home import ROOT
from pipeline_assets.production import package
from pipeline_assets.production.main_template import SHIPPED
from pipeline_assets.production.stacks import OWNER_TAG, ChangeSet, Stack, Stacks
from pipeline_assets.production.synth import Deployment, text

NOT_FOR_JOBS = {"emr", "production"}  # sections; what is in them is known only when the main stack is there
SETTINGS_NAME = "settings.toml"
_NAME = re.compile(r"\$\{(\w+)\}")

Progress = Callable[[str], None]


class AnotherOwner(Misconfigured):
    """The stack is tagged as somebody else's."""


@dataclass
class Deploying:
    """The steps, in their order; every one that changes something is proposed first."""

    deployment: Deployment
    parameters: Mapping[str, str]
    stacks: Stacks = field(default_factory=Stacks)

    def refuse_another_owner(self) -> None:
        for name in self.deployment.stacks:
            refuse_another_owner(self.stacks.find(name), self.deployment.production.owner)

    def propose_base(self) -> ChangeSet | None:
        return self._propose(self.deployment.base_stack, self.deployment.base, {})

    def ship(self, *, progress: Progress) -> dict[str, str]:
        """Package, tables and the jobs' settings; returns the parameters that name them."""
        base = self._deployed(self.deployment.base_stack)
        names = {**self.parameters, **self._previous(), **base.outputs, **self.parameters}
        for_jobs = filled(dumped(self.deployment.settings, without=NOT_FOR_JOBS), names)
        settings = _parsed(for_jobs)
        artifacts = str(_fill(_emr(self.deployment.settings).artifacts_uri, names))
        progress("building the package")
        built = package.build(_emr(self.deployment.settings).arch, progress=progress)
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
        artifacts = str(_fill(_emr(self.deployment.settings).artifacts_uri, names))
        from pipeline_assets.s3 import Folder

        Folder(artifacts).write(SETTINGS_NAME, tomlkit.dumps(values).encode())
        return f"{artifacts}/{SETTINGS_NAME}"

    def _propose(self, name: str, template: dict[str, Any], ours: Mapping[str, str]) -> ChangeSet | None:
        deployed = self.stacks.find(name)
        known = deployed.parameters if deployed else {}
        given = {**self.parameters, **ours}
        declared: dict[str, dict[str, Any]] = template.get("Parameters", {})
        missing = [
            f"{key} ({each['Description']})"
            for key, each in declared.items()
            if key not in given and key not in known and "Default" not in each
        ]
        if missing:
            raise Misconfigured(
                f"stack {name} needs parameters: {', '.join(missing)}. Give each once: --parameter NAME=VALUE"
            )
        values = {key: given.get(key) for key in declared if key in given or key in known}
        production = self.deployment.production
        tags = {OWNER_TAG: production.owner, "pipeline:stack": production.name}
        return self.stacks.propose(name, text(template), parameters=values, tags=tags)

    def refuse_unknown_parameters(self) -> None:
        declared = {key for template in self.deployment.stacks.values() for key in template.get("Parameters", {})}
        unknown = sorted(set(self.parameters) - declared)
        if unknown:
            raise Misconfigured(f"no stack has parameter {', '.join(unknown)}; there are {', '.join(sorted(declared))}")

    def _previous(self) -> dict[str, str]:
        main = self.stacks.find(self.deployment.production.name)
        return main.parameters if main else {}

    def _deployed(self, name: str) -> Stack:
        found = self.stacks.find(name)
        if found is None:
            raise Misconfigured(f"stack {name} does not exist. Make it: pipeline deploy")
        return found


def refuse_another_owner(stack: Stack | None, owner: str) -> None:
    if stack is not None and (found := stack.tags.get(OWNER_TAG)) != owner:
        raise AnotherOwner(
            f"stack {stack.name}: expected owner {owner}, found {found or 'no tag ' + OWNER_TAG}. "
            "Give yours another name: production.name in the settings"
        )


def warnings(deployment: Deployment) -> list[str]:
    """What the account lacks for a good day; nothing of it stops a deployment."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    emr = boto3.client("emr")
    label = deployment.definitions["daily"]["States"]["CreateCluster"]["Parameters"]["ReleaseLabel"]
    said = []
    try:
        emr.describe_release_label(ReleaseLabel=label)
    except (ClientError, BotoCoreError) as error:
        said.append(f"release label {label} was not confirmed by EMR: {_first_line(error)}")
    try:
        block = emr.get_block_public_access_configuration()["BlockPublicAccessConfiguration"]
        if not block["BlockPublicSecurityGroupRules"]:
            said.append(
                "EMR does not block public access in this region: aws emr put-block-public-access-configuration"
            )
    except (ClientError, BotoCoreError) as error:
        said.append(f"EMR's block of public access is not known: {_first_line(error)}")
    return said


def unheard(topic: str) -> list[str]:
    """A warning when nobody has confirmed a subscription to the alarms."""
    import boto3

    found = boto3.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    if any(each["SubscriptionArn"].startswith("arn:") for each in found):
        return []
    return [f"nobody hears the alarms: confirm a subscription to {topic}"]


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


def _emr(settings: Settings) -> Any:
    assert settings.emr is not None, "checked by the deployment"
    return settings.emr


def _parsed(values: dict[str, Any]) -> Settings:
    return settings_module.parse(tomlkit.dumps(values), where="the deployment", base=ROOT)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:200]
