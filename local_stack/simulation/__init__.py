"""The deployment of production on this machine: the generated state machines, run for real, with faults.

Everything but AWS itself is real: templates, package, jobs, lake, search. AWS is the local one (local_stack.aws).
"""
