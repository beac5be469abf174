"""What production is made of: packages for the cluster."""
