"""What the parts of the main stack share: its template so far, its tags, and what stands for a `${NAME}`.

Does not own: any resource. Invariant: a `${NAME}` is a parameter, a resource that is there, or one of those that are
made or taken; anything else is refused with the names that there are.
"""

from dataclasses import dataclass, field
from typing import Any

from emr_jobs.catalog import MAINTAIN, Job
from emr_jobs.core.errors import Misconfigured
from emr_jobs.core.settings import DeploymentSettings, Production
from troposphere import GetAtt, If, Join, Output, Parameter, Ref, Sub, Tags, Template

from pipeline_assets.production.generate.daily_machine import state_name
from pipeline_assets.production.generate.plan import Plan
from pipeline_assets.production.generate.tags import deployment_tags


def _empty() -> Template:
    return Template(Description="The daily run: Step Functions, its schedule, roles, alarms and dashboard.")


@dataclass(frozen=True)
class MainStack:
    plan: Plan
    settings: DeploymentSettings
    template: Template = field(default_factory=_empty)

    @property
    def production(self) -> Production:
        return self.settings.production

    @property
    def tags(self) -> Tags:
        return Tags(deployment_tags(self.production))

    @property
    def runtime_roles(self) -> dict[str, Job]:
        """Everything that the machine runs on the cluster, by the title of its role; empty where jobs share one."""
        if not self.production.runtime_roles:
            return {}
        jobs = (*self.plan.jobs, *([MAINTAIN] if self.production.maintain else []))
        return {f"{state_name(job)}Role": job for job in jobs}

    def add(self, resource: Any) -> Any:
        return self.template.add_resource(resource)

    def parameter(self, name: str, description: str, *, kind: str = "String", default: str | None = None) -> None:
        optional = {} if default is None else {"Default": default}
        self.template.add_parameter(Parameter(name, Type=kind, Description=description, **optional))

    def output(self, name: str, value: Any, description: str) -> None:
        self.template.add_output(Output(name, Value=value, Description=description))

    def value(self, name: str) -> Any:
        """What stands for `${name}` in a definition, or in the settings of the deployment."""
        chosen = {**_made_or_taken(), **{title: GetAtt(title, "Arn") for title in self.runtime_roles}}
        if name in chosen:
            return chosen[name]
        if name not in self.template.parameters and name not in self.template.resources:
            known = sorted({*chosen, *self.template.parameters})
            raise Misconfigured(f"settings: ${{{name}}} is not known; there are {', '.join(known)}")
        return Ref(name)


def _made_or_taken() -> dict[str, Any]:
    """Names that are neither a parameter nor a resource alone."""
    instance_profile = If("MakesInstanceProfile", Ref("EmrInstanceProfile"), Ref("ExistingInstanceProfile"))
    instance_role = If("MakesInstanceProfile", GetAtt("EmrInstanceRole", "Arn"), _role_arn("ExistingInstanceRole"))
    return {
        "Subnets": Join(",", Ref("Subnets")),
        "DiskKeyArn": If("MakesDiskKey", GetAtt("DiskEncryptionKey", "Arn"), Ref("DiskKey")),
        "EmrServiceRole": If("MakesServiceRole", Ref("EmrServiceRole"), Ref("ExistingServiceRole")),
        "ServiceRoleArn": If("MakesServiceRole", GetAtt("EmrServiceRole", "Arn"), _role_arn("ExistingServiceRole")),
        "EmrInstanceProfile": instance_profile,
        "InstanceRoleArn": instance_role,
    }


def _role_arn(parameter: str) -> Sub:
    return Sub(f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/${{{parameter}}}")
