"""Typed settings: addresses, sizes and limits, parsed once at the edge and read by jobs, Dagster and CLI.

Does not own: secrets (references only, see secret_ref), contracts. Unknown keys fail. A relative path in a
settings file is relative to that file's folder. Units are in the names.
"""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from emr_jobs.core.errors import Misconfigured
from emr_jobs.core.s3_uri import bucket_and_key
from emr_jobs.core.secret_ref import SecretRef


def _absolute(value: str, info: ValidationInfo) -> str:
    _require_nobody_in(value)
    if urlsplit(value).scheme in ("s3", "s3a", "file", "hdfs"):
        return value
    base: Path = (info.context or {}).get("base", Path.cwd())
    return str((base / value).resolve())


class Reference(str):
    """To a secret, of a type that tells it from other texts."""

    __slots__ = ()


def _secret_path_absolute(value: str, info: ValidationInfo) -> Reference:
    kind, _, name = value.partition(":")
    return Reference(f"file:{_absolute(name, info)}" if kind == "file" else value)


def _as_uri(value: str, info: ValidationInfo) -> str:
    location = _absolute(value, info)
    return f"file://{location}" if location.startswith("/") else location


def _address(value: str) -> str:
    _require_nobody_in(value)
    if urlsplit(value).scheme not in ("http", "https") or not urlsplit(value).hostname:
        raise ValueError("expected http:// or https:// and a host")
    return value


def _require_nobody_in(value: str) -> None:
    if "://" in value and "@" in urlsplit(value).netloc:
        raise ValueError("a user or password stands in the address; a secret is a reference")


def _event_url(value: str, info: ValidationInfo) -> str:
    if urlsplit(value).scheme in ("http", "https"):
        return _address(value)
    known = "://" not in value or urlsplit(value).scheme in ("file", "s3")
    location = _as_uri(value, info).rstrip("/")
    scheme, bucket = urlsplit(location).scheme, urlsplit(location).netloc
    if not known or (scheme == "s3" and not bucket):
        raise ValueError("expected a folder, s3://BUCKET/FOLDER or https://…")
    return location


def _deployment_name(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9-]{1,30}", value):
        raise ValueError(
            "expected a letter and up to 30 letters, digits or hyphens, all lower case. Names of databases have an "
            "underscore for a hyphen, so a name with an underscore would share them with another"
        )
    return value


def _in_clear(protocol: str, host: str | None) -> bool:
    """Whether others on the way can read what is sent."""
    if protocol == "https":
        return False
    try:
        return not (host == "localhost" or ip_address(host or "").is_loopback)
    except ValueError:
        return True


def _url_in_clear(url: str) -> bool:
    return _in_clear(urlsplit(url).scheme, urlsplit(url).hostname)


Url = Annotated[str, AfterValidator(_address)]
Location = Annotated[str, AfterValidator(_absolute)]  # a path or a URI
Uri = Annotated[str, AfterValidator(_as_uri)]
S3Uri = Annotated[str, StringConstraints(pattern=r"^s3://[^/]+(/.*[^/])?$")]  # without a slash at the end
Secret = Annotated[SecretRef, AfterValidator(_secret_path_absolute)]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Spark(Section):
    """How a job's session is sized. `master` and the JVM's options apply to local runs; EMR decides its own."""

    master: str | None = None
    driver_memory: str = "1g"  # of --launcher local; a step's is the job's
    shuffle_partitions: PositiveInt = 200
    jars: Location | None = None  # folder of jars; None where the cluster has them
    jvm_options: tuple[str, ...] = ()
    class_archive: Location | None = None  # AppCDS archive: halves the start of a local session


class Lake(Section):
    """The Iceberg catalog and its warehouse, and how long old snapshots are kept."""

    catalog: Literal["jdbc", "glue"]
    uri: Location | None = None  # jdbc: the SQLite file
    warehouse: Uri
    # Before the layer in a database's name. A deployment's is its own name, so that two in one account share no table.
    database_prefix: Annotated[str, StringConstraints(pattern=r"^([a-z][a-z0-9_]*)?$")] = ""
    snapshot_keep_days: PositiveInt = 7
    staged_keep_days: PositiveInt = 3  # orphan files and snapshots that nobody published

    @model_validator(mode="after")
    def _uri_belongs_to_jdbc(self) -> Self:
        if (self.catalog == "jdbc") != (self.uri is not None):
            raise ValueError(f"uri is the SQLite file of the jdbc catalog; catalog is {self.catalog}")
        return self


class Runs(Section):
    """Where a run leaves what is not a dataset: recorded messages, dead letters."""

    uri: Location


class FilesConnection(Section):
    """A folder that others deliver into, on S3 or on this machine."""

    kind: Literal["files"]
    uri: Location
    """The folder: `s3://…`, or a path."""

    @property
    def bucket(self) -> str | None:
        """None: on this machine."""
        address = urlsplit(self.uri)
        return address.netloc if address.scheme in ("s3", "s3a") else None


class SnowflakeConnection(Section):
    """An account of Snowflake, and who reads there."""

    kind: Literal["snowflake"]
    account: str
    """As Snowflake calls it: `ORGANISATION-ACCOUNT`."""
    user: str
    """Who reads, with a key."""
    private_key: Secret
    """The user's key: PEM, PKCS#8."""
    database: str
    """Where the tables are; a source's physicalName is `SCHEMA.TABLE` in it."""
    role: str | None = None
    """The user's own without it."""
    warehouse: str | None = None
    """The user's own without it."""
    host: str | None = None
    """Snowflake's own address of the account without it."""
    port: PositiveInt | None = None
    """The protocol's own without it."""
    protocol: Literal["https", "http"] = "https"
    """`http` is for this machine only."""
    statement_timeout_s: PositiveInt = 900
    """Snowflake ends a statement that takes longer."""
    connect_timeout_s: PositiveInt = 60
    """For the login."""

    @model_validator(mode="after")
    def _nobody_listens(self) -> Self:
        if _in_clear(self.protocol, self.host):
            raise ValueError("protocol http is for this machine only: others could read what comes and act as the user")
        return self


class _Auth(Section):
    @property
    def secret_fields(self) -> list[str]:
        """Names of those that refer to a secret."""
        return [name for name, value in self if isinstance(value, Reference)]


class NoAuth(_Auth):
    """Nothing is sent."""

    kind: Literal["none"] = "none"


class Bearer(_Auth):
    """`Authorization: Bearer TOKEN`."""

    kind: Literal["bearer"]
    token: Secret
    """The token."""


class ApiKey(_Auth):
    """In a header, or as a parameter of the query."""

    kind: Literal["header", "query"]
    name: str
    """Of the header or the parameter."""
    key: Secret
    """The key."""


class Basic(_Auth):
    """`Authorization: Basic …`."""

    kind: Literal["basic"]
    username: str
    """In clear."""
    password: Secret
    """The password."""


class OAuth2(_Auth):
    """Client credentials: one token a process, asked for again before it expires and once when it is refused."""

    kind: Literal["oauth2"]
    token_url: Url
    """Who gives the token."""
    client_id: str
    """In clear."""
    client_secret: Secret
    """The secret."""
    credentials_in: Literal["header", "body"] = "header"
    """Every server must take the header; some take the body only."""
    scope: str | None = None
    """Asked for with the token."""


Auth = Annotated[NoAuth | Bearer | ApiKey | Basic | OAuth2, Field(discriminator="kind")]


class RestConnection(Section):
    """An HTTP API: where it is, who asks, and how much at once."""

    kind: Literal["rest"]
    url: Url
    """Its address; the paths of its sources follow it."""
    auth: Auth = NoAuth()
    """Who asks."""
    headers: dict[str, str] = {}
    """Sent with every request; no secrets."""
    concurrency: PositiveInt = 8
    """Slices at once, over all Spark partitions."""
    requests_per_second: PositiveFloat = 50.0
    """Over all Spark partitions."""
    timeout_s: PositiveFloat = 30.0
    """Without a byte from the API."""
    max_retries: NonNegativeInt = 8
    """Of a request that was answered 408, 425, 429 or 5xx, or not at all."""
    backoff_s: PositiveFloat = 0.5
    """Before the first retry; doubles with every other, plus up to as much by chance."""
    max_retry_after_s: PositiveInt = 300
    """A longer Retry-After is cut to this."""
    max_page_bytes: PositiveInt = 64 * 2**20
    """Of an answer as it is sent, and as it is unpacked."""

    @model_validator(mode="after")
    def _nobody_listens(self) -> Self:
        sent_to = [self.url, self.auth.token_url] if isinstance(self.auth, OAuth2) else [self.url]
        if self.auth.kind != "none" and any(map(_url_in_clear, sent_to)):
            raise ValueError(f"url: http is for this machine only: others could read the {self.secret_word}. Use https")
        return self

    @property
    def secret_word(self) -> str:
        return next(iter(self.auth.secret_fields), "key").replace("_", " ")


Connection = Annotated[FilesConnection | SnowflakeConnection | RestConnection, Field(discriminator="kind")]
ConnectionName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Reached = TypeVar("Reached", FilesConnection, SnowflakeConnection, RestConnection)


class Search(Section):
    url: Url
    auth: Literal["none", "basic", "sigv4"] = "none"
    username: str | None = None
    password: Secret | None = None
    region: str | None = None  # of the domain, for sigv4; None: that of [aws]
    ca_file: Location | None = None  # None: the system's authorities
    timeout_s: PositiveFloat = 60.0
    replicas: NonNegativeInt = 1
    replica_wait_s: NonNegativeInt = 10  # then the day is published without them: they follow by themselves
    keep_previous: NonNegativeInt = 2  # replaced indices per partition, for rollback
    keep_days: PositiveInt = 400  # one shard a day: mind the node's shard limit
    staged_keep_hours: PositiveInt = 24  # indices that nobody published
    bulk_size_bytes: PositiveInt = 5_000_000  # before gzip; Amazon's smaller instances take 10 MiB
    writers: PositiveInt = 2  # bulk requests in flight: what the cluster takes, not what Spark has
    max_retries: NonNegativeInt = 6  # per document answered 429 or 503, and per request
    backoff_s: PositiveFloat = 0.5
    max_refused: NonNegativeInt = 0  # documents refused for good above this block the publish

    @model_validator(mode="after")
    def _auth_is_complete(self) -> Self:
        if self.auth == "basic" and not (self.username and self.password):
            raise ValueError("auth basic needs username and password (a secret reference)")
        if self.auth == "sigv4" and not self.region:
            raise ValueError("auth sigv4 needs a region, here or in [aws]")
        return self

    @model_validator(mode="after")
    def _nobody_listens(self) -> Self:
        if self.auth != "none" and _url_in_clear(self.url):
            raise ValueError(
                f"url: http is for this machine only: others could read what auth {self.auth} sends. Use https"
            )
        return self


class Aws(Section):
    """Where AWS is. Credentials come from where AWS's own clients find them: environment, profile, instance."""

    region: str | None = None  # None: as AWS's own clients find it, which in a step's container find none
    endpoint: Url | None = None  # the local stack's; then nothing of this process talks to the real AWS

    @property
    def region_environment(self) -> dict[str, str]:
        """In it every client of AWS is in this region: Java's read the first name, Python's the second."""
        return {"AWS_REGION": self.region, "AWS_DEFAULT_REGION": self.region} if self.region else {}


class Fleet(Section):
    """Instances of one kind of node; EMR takes the types that it gets."""

    instance_types: tuple[str, ...]
    capacity: PositiveInt = 1  # instances


class Emr(Section):
    """The transient cluster of launcher emr. Versions are in versions.toml, sizes of jobs in the domain's jobs.py."""

    log_uri: S3Uri
    artifacts_uri: S3Uri  # packages and settings, under the hash of their content
    arch: Literal["x86_64", "aarch64"] = "x86_64"  # of the instance types
    service_role: str
    instance_profile: str
    subnets: tuple[str, ...] = ()  # EMR chooses one that has capacity
    primary_security_group: str | None = None  # None: EMR makes its own
    core_security_group: str | None = None
    service_security_group: str | None = None  # a private subnet needs it
    security_configuration: str | None = None
    tags: dict[str, str] = {}
    primary: Fleet = Fleet(instance_types=("m7g.xlarge", "m6g.xlarge"))
    core: Fleet = Fleet(instance_types=("m7g.xlarge", "m6g.xlarge"), capacity=2)
    task: Fleet | None = None  # spot
    # Drivers on core nodes only, so that a reclaimed task node costs no attempt. Documented for emr-* releases, not run
    # on an emr-spark-*: false, should its drivers stay ACCEPTED.
    node_labels: bool = True
    spot_timeout_minutes: Annotated[int, Field(ge=5, le=1440)] = 10  # then on demand
    step_concurrency: Annotated[int, Field(ge=1, le=256)] | None = None  # None: as many as jobs of a day run at once
    idle_timeout_s: Annotated[int, Field(ge=60, le=604_800)] = 900  # EMR ends a cluster without work by itself
    start_allowance_s: PositiveInt = 1200  # from RunJobFlow until the cluster takes steps
    poll_interval_s: PositiveFloat = 10.0
    message_interval_s: PositiveFloat = 5.0
    log_wait_s: NonNegativeInt = 30  # for the log of a failed step: EMR copies it to S3 when it likes

    @property
    def launched_uri(self) -> str:
        """Where launcher emr ships to: beside what production runs, which a launcher need not be let write."""
        return f"{self.artifacts_uri}/launched"


class Production(Section):
    """The deployment that `pipeline synth` generates. What differs per account is a parameter of its stacks."""

    name: Annotated[str, AfterValidator(_deployment_name)]  # of the stacks, and before every name
    owner: str  # who may deploy: a stack tagged as another owner's is refused
    runtime_roles: bool = False  # a role per job instead of the instances'; not run on AWS
    retry_interval_s: PositiveInt = 60  # before a failed job is repeated; doubles
    call_retry_interval_s: PositiveInt = 5  # before a refused call of AWS is repeated; doubles
    maintain: bool = True  # upkeep of the lake after the day is published
    log_retention_days: PositiveInt = 90
    alarm_topic: str | None = None  # ARN, for what Dagster has to tell; None: into the run's log


class Lineage(Section):
    """Where what a run did is written as OpenLineage events."""

    url: Annotated[str, AfterValidator(_event_url)]  # a folder, `s3://…`, or an address that takes events by POST
    token: Secret | None = None  # sent as a bearer, to https only
    timeout_s: PositiveFloat = 5.0  # of each try; what is not written by then is warned of and left out

    @property
    def kind(self) -> Literal["file", "s3", "http"]:
        scheme = urlsplit(self.url).scheme
        return "s3" if scheme == "s3" else "file" if scheme == "file" else "http"

    @model_validator(mode="after")
    def _nobody_listens(self) -> Self:
        if self.token and self.kind != "http":
            raise ValueError("token is sent to an http address; url is none")
        if self.token and _url_in_clear(self.url):
            raise ValueError("url: http is for this machine only: others could read the token. Use https")
        return self


class Settings(Section):
    domain: Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_.]*$")]  # the package
    aws: Aws = Aws()
    emr: Emr | None = None  # needed by launcher emr only
    production: Production | None = None  # needed by synth and the verbs of a deployment
    spark: Spark = Spark()
    lake: Lake
    runs: Runs
    connections: dict[ConnectionName, Connection]
    search: Search
    lineage: Lineage | None = None  # None: no events

    def connection(self, name: str, kind: type[Reached], *, source: str) -> Reached:
        """Of a source. Raises Misconfigured where there is none of this kind."""
        found = self.connections.get(name)
        if not isinstance(found, kind):
            wanted = kind.model_fields["kind"].annotation.__args__[0]  # type: ignore[union-attr]  # a literal
            has = "not there" if found is None else f"of kind {found.kind}"
            raise Misconfigured(
                f'settings: {source} is read through connections.{name}, of kind = "{wanted}"; it is {has}'
            )
        return found

    @property
    def secrets(self) -> dict[str, Reference]:
        """Every reference by its place, `connections.warehouse.private_key`."""
        return dict(_references(self, ""))

    def secrets_of(self, *sections: str) -> dict[str, Reference]:
        """Those in these sections, `search` or `connections.warehouse`."""
        within = tuple(f"{section}." for section in sections)
        return {place: reference for place, reference in self.secrets.items() if place.startswith(within)}

    @property
    def files(self) -> dict[str, FilesConnection]:
        """Connections to files, by name."""
        return {name: each for name, each in self.connections.items() if isinstance(each, FilesConnection)}

    @field_validator("search", mode="before")
    @classmethod
    def _domain_is_where_the_rest_is(cls, search: Any, info: ValidationInfo) -> Any:
        aws: Aws | None = info.data.get("aws")  # None: it is wrong itself
        return {"region": aws.region, **search} if aws and isinstance(search, dict) else search

    @model_validator(mode="after")
    def _steps_know_their_region(self) -> Self:
        if self.emr and not self.aws.region:
            raise ValueError("[emr] needs region in [aws]: EMR tells a step none, and Python asks no instance for it")
        return self

    @field_validator("lake")
    @classmethod
    def _databases_of_a_deployment(cls, lake: Lake, info: ValidationInfo) -> Lake:
        production: Production | None = info.data.get("production")
        if production is None or "database_prefix" in lake.model_fields_set:
            return lake
        return lake.model_copy(update={"database_prefix": f"{production.name.replace('-', '_')}_"})


def _references(value: Any, place: str) -> Iterator[tuple[str, Reference]]:
    if isinstance(value, Reference):
        yield place, value
    elif isinstance(value, Section):
        yield from _references(dict(value), place)
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _references(each, f"{place}.{key}" if place else key)


class DeploymentSettings(Settings):
    """Of a deployment: with the sections that it needs."""

    emr: Emr
    production: Production


def of_a_deployment(settings: Settings) -> DeploymentSettings:
    """Raises Misconfigured for those of a laptop."""
    if settings.production is None or settings.emr is None:
        raise Misconfigured("the settings of a deployment need [production] and [emr]: see settings/production.toml")
    return DeploymentSettings.model_construct(**dict(settings))  # they are valid


def load(uri: str) -> Settings:
    """Settings from a TOML file, a path or `s3://`. Raises Misconfigured listing every wrong key at once."""
    return parse(_read(uri), where=uri, base=Path(uri).resolve().parent)


def of_this_process(uri: str) -> Settings:
    """Load them for a job: from now on this process's clients of AWS are in their region. Raises as `load` does."""
    settings = load(uri)
    os.environ.update(settings.aws.region_environment)
    return settings


def parse(text: str, *, where: str, base: Path) -> Settings:
    try:
        values: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"settings {where}: not TOML ({error})") from error
    try:
        return Settings.model_validate(values, context={"base": base})
    except ValidationError as error:
        raise Misconfigured(f"settings {where}: {faults_of(error)}") from error


def faults_of(error: ValidationError) -> str:
    """All of them, each with its key."""
    return "; ".join(_fault(fault) for fault in error.errors(include_url=False, include_input=False))


def _fault(fault: Any) -> str:
    key = ".".join(_place(fault["loc"])) or "(whole file)"
    if fault["type"] == "extra_forbidden":
        return f"{key}: unknown key"
    return f"{key}: {fault['msg']}"


def _place(loc: tuple[Any, ...]) -> Iterator[str]:
    """Without the kinds, which pydantic puts behind what has one."""
    for number, part in enumerate(loc):
        has_kind = (number == 2 and loc[0] == "connections") or (number == 4 and loc[3] == "auth")
        if not has_kind:
            yield str(part)


def _read(uri: str) -> str:
    try:
        if uri.startswith("s3://"):
            import boto3

            bucket, key = bucket_and_key(uri)
            return boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode()
        return Path(uri.removeprefix("file://")).read_text()
    except Exception as error:  # an edge: botocore makes its error classes at run time
        raise Misconfigured(f"settings {uri}: not readable ({type(error).__name__}: {error})") from error
