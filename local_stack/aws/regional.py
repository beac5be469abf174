"""What an account has in its region before anything is deployed: a network for the clusters, quotas of instances.

The network's ids are known beforehand; moto makes its own. Differs from AWS: moto has no quotas of EC2, so these two
are answered, and no other.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from moto.ec2.models import EC2Backend
from moto.servicequotas.models import ServiceQuotasBackend

from local_stack.aws import GROUPS, REGION, SUBNETS, VPC
from pipeline_assets.emr.clusters import MANAGED_TAG

QUOTA_VCPUS = {"L-1216C47A": 64.0, "L-34B43A08": 64.0}  # of the standard families, on demand and spot
_MODELS = "moto.ec2.models"


def install() -> None:
    begin = EC2Backend.__init__

    def begin_with_network(self: Any, region_name: str, account_id: str) -> None:
        begin(self, region_name, account_id)
        if region_name == REGION:
            _furnish(self)

    EC2Backend.__init__ = begin_with_network  # type: ignore[method-assign]
    original = ServiceQuotasBackend.get_service_quota

    def get_service_quota(self: Any, service_code: str, quota_code: str) -> dict[str, Any]:
        if service_code == "ec2" and quota_code in QUOTA_VCPUS:
            return {"ServiceCode": "ec2", "QuotaCode": quota_code, "Value": QUOTA_VCPUS[quota_code]}
        return original(self, service_code, quota_code)

    ServiceQuotasBackend.get_service_quota = get_service_quota  # type: ignore[method-assign]


def _furnish(ec2: Any) -> None:
    """The network, tagged as EMR's own policy asks for."""
    with _named("vpcs.random_vpc_id", VPC):
        ec2.create_vpc("10.0.0.0/16")
    ec2.modify_vpc_attribute(VPC, "enable_dns_hostnames", True)
    for number, (subnet, zone) in enumerate(zip(SUBNETS, "ab", strict=True)):
        with _named("subnets.random_subnet_id", subnet):
            ec2.create_subnet(VPC, f"10.0.{number}.0/24", availability_zone=f"{REGION}{zone}")
    for group in GROUPS:
        with _named("security_groups.random_security_group_id", group):
            ec2.create_security_group(group, "of the cluster", vpc_id=VPC)
    ec2.create_tags([*SUBNETS, *GROUPS], {MANAGED_TAG: "true"})


@contextmanager
def _named(maker: str, name: str) -> Iterator[None]:
    with mock.patch(f"{_MODELS}.{maker}", return_value=name):
        yield
