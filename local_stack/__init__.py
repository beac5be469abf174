"""Real services and stand-ins for a laptop: tests, bench and the CLI's local verbs use them, nothing else does."""
