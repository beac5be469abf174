"""What `dg scaffold defs` writes: of each source that it made, the name of its contract."""
