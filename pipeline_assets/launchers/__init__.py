"""Who starts a job: a subprocess here, a step on EMR, or Step Functions. One command line, one protocol."""
