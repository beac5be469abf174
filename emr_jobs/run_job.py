"""The entry point of every job of a domain, in every launcher.

    spark-submit emr_jobs/run_job.py JOB <the arguments of every job>

Does not own: those arguments, and what happens around a job's body (job).
"""

from emr_jobs.job import main, parser

if __name__ == "__main__":
    main(parser("emr_jobs/run_job.py").parse_args())
