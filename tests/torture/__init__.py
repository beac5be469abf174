"""Whether readers ever see a part of a day: real jobs killed at random moments, and two runs of a day at once.

`python -m tests.torture` (`make torture`). A day has two deliveries that differ in every dataset, so what readers see
of a dataset is one delivery's rows, the other's, or a fault. Chance is a seed's: the same seed draws the same jobs and
moments, and each trial draws for itself, so it can be repeated alone.
"""

LAST = "catalogue"  # the job that reads what the others publish


class Torn(Exception):
    """What readers saw, or what a run left, that no undisturbed run gives."""
