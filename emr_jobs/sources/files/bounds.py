"""How much of a file is in memory at once."""

CHUNK_BYTES = 4 * 2**20  # unpacked
BATCH_RECORDS = 2_000  # with 10,000 at once Python's garbage collector took a tenth of the time
LONGEST_LINE_BYTES = 64 * 2**20
IN_MEMORY_BYTES = 16 * 2**20  # of a file from S3; a larger one waits on disk
