"""What every other room stands on: errors, partition, settings, secrets by name, addresses."""
