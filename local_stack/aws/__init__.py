"""AWS on this machine: moto, an EMR whose steps really run, a Step Functions that drives it, stacks and schedules.

    python -m local_stack.aws FOLDER [--yarn|--plain]      one process; writes its addresses to FOLDER/addresses.json

Answers what moto answers; of EMR: RunJobFlow, AddJobFlowSteps, DescribeCluster, DescribeStep, ListClusters,
ListSteps, CancelSteps, TerminateJobFlows, tags and termination protection (`emr`). Differs from AWS: clusters boot
in a second, have one node, this machine, and end TERMINATED unless told to fail; fleets, roles, subnets, security
groups and Configurations are accepted and have no effect; instance hours stay 0. Calls of roles are authorised only
while that is switched on (`authorisation`), and then what a boot asks of the disks' key (`disk_key`), too. Steps run in
a folder of their own with the cluster's environment, not this one's, and without a region (`container`), on local
Spark, with --yarn on a real YARN (`yarn`), with --plain as Python programs that need no Spark (`plain_python`). State
machines run (`step_functions`), their ends reach rules (`status_changes`), stacks are made through the services' own
APIs (`cloudformation`), schedules fire when their clock is moved (`scheduler`).
Refused loudly: a step that is not spark-submit, or with an option that EMR's spark-submit has and `container` does
not know. What goes wrong, and the schedules' time, is switched over HTTP (`control`).
"""

ACCOUNT = "123456789012"
REGION = "us-east-1"
ADDRESSES = "addresses.json"
# The network of an account that is ready.
VPC, SUBNETS = "vpc-10ca1000", ("subnet-10ca100a", "subnet-10ca100b")
GROUPS = ("sg-10ca1001", "sg-10ca1002", "sg-10ca1003")  # primary, core, service
