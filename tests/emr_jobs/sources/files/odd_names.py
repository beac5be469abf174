"""Names that Spark, a shell or a URI would take for something else."""

ODD_NAMES = [
    *("a.json.gz", "_b.json.gz", ".b.json.gz", "a[1].json.gz", "a1.json.gz", "a{1,2}.json.gz", "a2.json.gz"),
    *("part-10:30.json.gz", "a b.json.gz", "a%20b.json.gz", "a*.json.gz", "a?.json.gz", "a\\b.json.gz", "ä\n.json.gz"),
    *("#.json.gz", "a+b=c&d.json.gz", "s3:.json.gz"),
]
