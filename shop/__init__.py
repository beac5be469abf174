"""The domain: the datasets of a shop, the jobs that make them, and sample data for them."""
