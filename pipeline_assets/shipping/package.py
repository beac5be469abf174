"""What ships to EMR: our code and contracts, and their dependencies, each under the hash of its content.

Two builds of the same input are the same bytes: sorted names, no clock, no owner, no interpreter's path. Dependencies
are those of emr.lock for Python and architecture of the cluster; uv builds either architecture anywhere. Does not own:
which arguments make a step unpack them (command).
"""

import fcntl
import gzip
import hashlib
import io
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Literal

from emr_jobs.catalog import MAINTAIN, ROLLBACK, RUN_JOB
from emr_jobs.core.code import code_files
from emr_jobs.core.errors import Misconfigured

from pipeline_assets import home
from pipeline_assets.home import ROOT
from pipeline_assets.s3 import Folder
from pipeline_assets.versions import python_version

Arch = Literal["x86_64", "aarch64"]

LOCK = ROOT / "emr.lock"
CODE_NAME = "code-{}.zip"
GLIBC = "manylinux_2_28"  # Amazon Linux 2023 has glibc 2.34
# No job imports these: bin/ and RECORD name the interpreter that built them, the rest is a third of pyarrow.
LEFT_OUT = (
    "bin/*",
    ".lock",
    "*/__pycache__/*",
    "*.dist-info/RECORD",
    "pyarrow/include/*",
    "pyarrow/tests/*",
    "pyarrow/*flight*",
    "pyarrow/*_s3*",
)


@dataclass(frozen=True)
class Package:
    """Files on this machine, named by their content."""

    code: Path
    dependencies: Path

    @property
    def files(self) -> tuple[Path, Path]:
        return self.code, self.dependencies


@dataclass(frozen=True)
class Shipped:
    """Where a package is on S3."""

    code: str
    dependencies: str

    def script(self, name: str) -> str:
        """The entry point, a path in the code: a step's script is a file of its own."""
        return f"{self.code.removesuffix('.zip')}/{name.rpartition('/')[2]}"


def host_arch() -> Arch:
    """The archive that runs on this machine, as the local EMR does."""
    return "aarch64" if platform.machine() in ("aarch64", "arm64") else "x86_64"


def build(arch: Arch, domain: str, *, progress: Callable[[str], None] = lambda _: None) -> Package:
    """The package of this checkout with this domain; what is there already is not built again."""
    folder = home.cache() / "packages"
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        progress("code")
        code = _keep(folder, CODE_NAME, code_zip(domain))
        return Package(code, _dependencies(folder, arch, progress))


def code_zip(domain: str) -> bytes:
    """Our own Python, SQL and contracts, laid out as in the repository."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in code_files(domain, ROOT):
            entry = zipfile.ZipInfo(path.relative_to(ROOT).as_posix(), date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes())
    return content.getvalue()


def dependencies_archive(installed: Path) -> bytes:
    """The installed packages as tar.gz, without what no job imports."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", filename="", mtime=0, compresslevel=6) as compressed,
        tarfile.open(fileobj=compressed, mode="w") as archive,
    ):
        for path in sorted(installed.rglob("*")):
            name = path.relative_to(installed).as_posix()
            if path.is_file() and not any(fnmatch(name, pattern) for pattern in LEFT_OUT):
                entry = tarfile.TarInfo(name)
                entry.size = path.stat().st_size
                entry.mode = 0o755 if os.access(path, os.X_OK) else 0o644
                with path.open("rb") as file:
                    archive.addfile(entry, file)
    return packed.getvalue()


def upload(package: Package, artifacts_uri: str) -> tuple[Shipped, list[str]]:
    """To S3, each file once; returns where it is and what was not there yet."""
    artifacts = Folder(artifacts_uri)
    shipped = Shipped(*(f"{artifacts_uri}/{file.name}" for file in package.files))
    new = [file for file in package.files if artifacts.written_at(file.name) is None]
    if package.code in new:
        _upload_scripts(package.code, artifacts)  # before the archive, so that what has the archive has them
    for file in new:
        artifacts.upload(file.name, file)
    return shipped, [f"{artifacts_uri}/{file.name}" for file in new]


def _upload_scripts(code: Path, artifacts: Folder) -> None:
    with zipfile.ZipFile(code) as archive:
        for script in (RUN_JOB, ROLLBACK.script, MAINTAIN.script):
            artifacts.write(f"{code.stem}/{Path(script).name}", archive.read(script))


def upload_text(text: str, artifacts_uri: str, name: str) -> str:
    """A small file under the hash of its content; `name` has {} in the place of the hash."""
    name = name.format(_hash(text.encode()))
    Folder(artifacts_uri).write_if_absent(name, text.encode())
    return f"{artifacts_uri}/{name}"


def _dependencies(folder: Path, arch: Arch, progress: Callable[[str], None]) -> Path:
    inputs = _hash(LOCK.read_bytes() + repr((arch, GLIBC, LEFT_OUT, python_version())).encode())
    made = folder / f"deps-{arch}-{inputs}.made"  # says which file these inputs gave
    if made.exists() and (file := folder / made.read_text()).exists():
        return file
    progress(f"dependencies for {arch}")
    with tempfile.TemporaryDirectory(dir=folder) as target:
        _install(arch, Path(target))
        progress("packing the dependencies")
        file = _keep(folder, f"deps-{arch}-{{}}.tar.gz", dependencies_archive(Path(target)))
    made.write_text(file.name)
    return file


def _install(arch: Arch, target: Path) -> None:
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if uv is None:
        raise Misconfigured("packaging needs uv, which this environment lacks. Install it: make setup")
    command = [uv, "pip", "install", "--quiet", "--target", str(target), "--no-deps", "--require-hashes"]
    command += ["--python-platform", f"{arch}-{GLIBC}", "--python-version", python_version()]
    command += ["--only-binary", ":all:", "-r", str(LOCK)]
    environment = {"UV_CACHE_DIR": str(home.cache() / "uv"), **os.environ}
    done = subprocess.run(command, env=environment, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise Misconfigured(f"emr.lock was not installed for {arch}: {done.stderr.strip()[-500:]}")


def code_name(domain: str) -> str:
    """Of this checkout's code, without building the rest."""
    return CODE_NAME.format(_hash(code_zip(domain)))


def _keep(folder: Path, name: str, content: bytes) -> Path:
    file = folder / name.format(_hash(content))
    if not file.exists():
        part = file.with_suffix(".part")
        part.write_bytes(content)
        part.rename(file)
    return file


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Steps that start at once build once."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
