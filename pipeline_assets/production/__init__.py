"""The deployed daily run: generated from the asset graph, then applied to an account, then watched as it goes."""
