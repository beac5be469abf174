"""What a cluster is given: EMR's service role, the nodes' role and profile, the security configuration.

Does not own: what a job may (job_access), the key of the disks (disks), the cluster (emr.clusters, daily_machine).
"""

from typing import Any

from awacs.aws import Statement
from troposphere import If, NoValue, Ref, Sub, emr, iam

from pipeline_assets.production.generate.main.disks import disk_key_use
from pipeline_assets.production.generate.main.job_access import data, secrets_of_all_jobs
from pipeline_assets.production.generate.main.stack import MainStack
from pipeline_assets.production.generate.policies import allow, pass_role, role, spot_role


def add_cluster(stack: MainStack) -> None:
    _service_role(stack)
    _instance_role(stack)
    stack.add(emr.SecurityConfiguration("SecurityConfiguration", SecurityConfiguration=_security_configuration(stack)))
    for name in ("EmrServiceRole", "EmrInstanceProfile", "SecurityConfiguration"):
        stack.output(name, stack.value(name), "For launcher emr")


def _service_role(stack: MainStack) -> None:
    stack.add(
        role(
            "EmrServiceRole",
            "elasticmapreduce.amazonaws.com",
            [
                pass_role([stack.value("InstanceRoleArn")], "ec2.amazonaws.com"),
                spot_role(),
                _endpoint(),
                *disk_key_use(stack),
            ],
            ManagedPolicyArns=[Sub("arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonEMRServicePolicy_v2")],
            Condition="MakesServiceRole",
            Tags=stack.tags,
        )
    )


def _endpoint() -> Statement:
    """EMR 8 makes its endpoint in a private subnet itself."""
    concerned = ("vpc/${Vpc}", "vpc-endpoint/*", "subnet/*", "security-group/*")
    return allow(
        ["ec2:CreateVpcEndpoint", "ec2:ModifyVpcEndpoint"],
        [Sub("arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:" + each) for each in concerned],
    )


def _instance_role(stack: MainStack) -> None:
    """With runtime roles the nodes read no secret; otherwise they have those of all jobs, which share this role."""
    secrets = [] if stack.production.runtime_roles else secrets_of_all_jobs(stack)
    stack.add(
        role(
            "EmrInstanceRole",
            "ec2.amazonaws.com",
            data(stack, secrets=secrets) + disk_key_use(stack),
            Condition="MakesInstanceProfile",
            Tags=stack.tags,
        )
    )
    stack.add(
        iam.InstanceProfile("EmrInstanceProfile", Roles=[Ref("EmrInstanceRole")], Condition="MakesInstanceProfile")
    )


def _security_configuration(stack: MainStack) -> dict[str, Any]:
    by_role = {"AuthorizationConfiguration": {"IAMConfiguration": {"EnableApplicationScopedIAMRole": True}}}
    return {
        "EncryptionConfiguration": _encryption(stack),
        "InstanceMetadataServiceConfiguration": {
            "MinimumInstanceMetadataServiceVersion": 2,
            "HttpPutResponseHopLimit": 1,
        },
        **(by_role if stack.production.runtime_roles else {}),
    }


def _encryption(stack: MainStack) -> dict[str, Any]:
    certificate = {"TLSCertificateConfiguration": {"CertificateProviderType": "PEM", "S3Object": Ref("Certificate")}}
    disk = {
        "EnableEbsEncryption": True,
        "EncryptionKeyProviderType": "AwsKms",
        "AwsKmsKey": stack.value("DiskKeyArn"),
    }
    return {
        "EnableAtRestEncryption": True,
        # Of disks only: what S3 encrypts is EMRFS's business, which this release has not got; the buckets do.
        "AtRestEncryptionConfiguration": {"LocalDiskEncryptionConfiguration": disk},
        "EnableInTransitEncryption": If("HasCertificate", True, False),
        "InTransitEncryptionConfiguration": If("HasCertificate", certificate, NoValue),
    }
