"""The jobs that run on the cluster. Never imports dagster; reports through dagster_pipes only."""
