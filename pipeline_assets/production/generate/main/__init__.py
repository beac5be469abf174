"""The stack of everything that a deployment may replace: machines, what starts them, their cluster, roles, alarms."""
