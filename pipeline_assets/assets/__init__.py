"""The asset graph: one asset a dataset, built from the catalogue and the contracts."""

import warnings

import dagster as dg

# Partitions of an asset check and references to code are marked as preview and beta. They are used on purpose
# (docs/decisions.md), and a warning per check in every process helps nobody.
warnings.filterwarnings("ignore", category=dg.PreviewWarning)
warnings.filterwarnings("ignore", category=dg.BetaWarning)
