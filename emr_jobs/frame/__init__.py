"""What a job is given, its Spark session, what it reports and where that is recorded."""
