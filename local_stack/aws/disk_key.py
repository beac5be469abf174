"""What a cluster that boots asks of the key of its nodes' disks, and why one does not come up whose roles may not.

EC2 makes the encrypted volumes on behalf of EMR's service role; then EMR's own program on each node asks for a data
key, as the instances' role. Does not own: whether a role may (authorisation).
"""

import json

from local_stack.aws import authorisation
from local_stack.aws.emr import Cluster
from local_stack.aws.permissions import NotUnderstood, Permission, role_arn

_NO_VOLUMES = (  # as EMR says it
    "Amazon EMR couldn't launch the cluster because the KMS key is invalid. Make sure the key is valid and that your "
    "service role has permissions to use the key."
)
_NO_NODE = "On the master instance, the disks were not encrypted."


def refusal(cluster: Cluster) -> tuple[str, str] | None:
    """Code and reason; None when nothing is refused, or nothing is checked."""
    key = _key(cluster)
    if key is None:
        return None
    if said := authorisation.refusal(role_arn(cluster.service_role), volumes(key)):
        return "VALIDATION_ERROR", f"{_NO_VOLUMES} {said}"
    try:
        instances = authorisation.role_of_profile(cluster.role.rpartition("/")[2])
    except NotUnderstood:
        return None  # its steps are not checked either
    if said := authorisation.refusal(instances, node(key)):
        return "BOOTSTRAP_FAILURE", f"{_NO_NODE} {said}"
    return None


def volumes(key: str) -> tuple[Permission, ...]:
    """What EC2 needs for them of whoever has them made."""
    return (
        Permission("kms:DescribeKey", key),
        Permission("kms:GenerateDataKeyWithoutPlaintext", key),
        Permission("kms:CreateGrant", key, {"kms:GrantIsForAWSResource": "true"}),
    )


def node(key: str) -> tuple[Permission, ...]:
    return (Permission("kms:GenerateDataKey", key),)


def _key(cluster: Cluster) -> str | None:
    """Its ARN; None without a security configuration that names one."""
    found = cluster.emr_backend.security_configurations.get(cluster.security_configuration or "")
    if found is None:
        return None
    encryption = json.loads(found.security_configuration).get("EncryptionConfiguration", {})
    disks = encryption.get("AtRestEncryptionConfiguration", {}).get("LocalDiskEncryptionConfiguration", {})
    key: str | None = disks.get("AwsKmsKey")
    return key
