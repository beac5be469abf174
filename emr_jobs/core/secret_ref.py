"""Secrets by name. Settings carry references; the value is read where it is used and goes nowhere else.

`env:NAME` an environment variable, `aws:NAME` a Secrets Manager secret, `file:PATH` a file that only its
owner can read (the local stack's). Messages name the reference, never the value.
"""

import os
import stat
from pathlib import Path
from typing import Annotated

from pydantic import StringConstraints

from emr_jobs.core.errors import Misconfigured

SecretRef = Annotated[str, StringConstraints(pattern=r"^((env|aws):\S+|file:\S(.*\S)?)$")]


def resolve(ref: SecretRef) -> str:
    """The secret's value. Raises Misconfigured naming the reference and how to provide it."""
    kind, _, name = ref.partition(":")
    if kind == "env":
        return _from_environment(name)
    if kind == "aws":
        return _from_secrets_manager(name)
    return _from_file(Path(name))


def _from_environment(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise Misconfigured(f"secret env:{name}: the environment variable is not set. Set it: export {name}=...")
    return value


def _from_secrets_manager(name: str) -> str:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return boto3.client("secretsmanager").get_secret_value(SecretId=name)["SecretString"]
    except ClientError as error:
        code = error.response["Error"]["Code"]
        raise Misconfigured(
            f"secret aws:{name}: Secrets Manager answered {code}. Create it, or let this role read it: "
            f"aws secretsmanager describe-secret --secret-id {name}"
        ) from error
    except BotoCoreError as error:
        raise Misconfigured(f"secret aws:{name}: Secrets Manager was not reached ({type(error).__name__})") from error


def _from_file(path: Path) -> str:
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise Misconfigured(f"secret file:{path}: others can read it. Close it: chmod 600 {path}")
        return path.read_text().strip()
    except OSError as error:
        raise Misconfigured(
            f"secret file:{path}: not readable ({error.strerror}). The local stack makes it: pipeline stack up"
        ) from error
