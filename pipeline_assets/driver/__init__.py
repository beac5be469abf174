"""One Spark application for all jobs of a run on this machine.

running: who keeps it for a run, and how a step has its job run in it. server: what runs inside, under spark-submit.
"""
