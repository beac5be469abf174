"""s3:// addresses taken apart."""


def bucket_and_key(uri: str) -> tuple[str, str]:
    """`s3://bucket/a/b` as (`bucket`, `a/b`); the key is empty for a bucket. Raises ValueError for another scheme."""
    scheme, _, rest = uri.partition("://")
    if scheme != "s3":
        raise ValueError(f"{uri}: expected s3://BUCKET/KEY")
    bucket, _, key = rest.partition("/")
    return bucket, key
