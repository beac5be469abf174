"""A raw record -> typed columns or a reject, as a contract declares it."""
