"""AWS on this machine: moto's S3, Glue and Secrets Manager, and an EMR whose steps really run.

    python -m local_stack.aws FOLDER [--yarn]      one process; writes its addresses to FOLDER/addresses.json

Answers what moto answers; of EMR: RunJobFlow, AddJobFlowSteps, DescribeCluster, DescribeStep, ListClusters,
ListSteps, CancelSteps, TerminateJobFlows, tags and termination protection (`emr`). Differs from AWS: clusters boot
in a second, have one node, this machine, and always end TERMINATED; fleets, roles, subnets, security groups and
Configurations are accepted and have no effect; nothing is authorised; instance hours stay 0. Steps run in a folder
of their own with the cluster's environment, not this one's (`container`), on local Spark or, with --yarn, on a real
YARN (`yarn`). Refused loudly: a step that is not spark-submit, or with an option that EMR's spark-submit has and
`container` does not know. Calls are throttled on demand, over HTTP.
"""

ACCOUNT = "123456789012"
REGION = "us-east-1"
ADDRESSES = "addresses.json"
