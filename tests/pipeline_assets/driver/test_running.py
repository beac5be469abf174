"""Jobs of a run in one Spark: what ends one of them, and what ends all."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import psutil
import pytest

from emr_jobs.core import settings as settings_module
from emr_jobs.core.settings import Settings
from local_stack import sample
from pipeline_assets import lake
from pipeline_assets.driver import running as driver
from pipeline_assets.home import cache
from tests.domains import LIBRARY, LOCAL
from tests.running import arguments_of, table_rows

pytestmark = pytest.mark.usefixtures("processes")

PARTITION = "2026-11-20"
LOANS = 40
PATIENCE_S = 120


@dataclass(frozen=True)
class Run:
    """A run whose loans lie in files and whose reviews an API holds back for as long as it likes."""

    name: str
    settings: Settings
    settings_uri: str
    api: socket.socket

    def arguments(self, job: str, *, attempt: int = 0) -> list[str]:
        uri, partition = self.settings_uri, PARTITION
        return arguments_of(job, settings_uri=uri, partition=partition, run_id=self.name, attempt=attempt)

    def job(self, job: str, *, attempt: int = 0) -> int:
        return driver.run_job(self.name, self.arguments(job, attempt=attempt), timeout_s=PATIENCE_S)

    def kept(self) -> ExitStack:
        stack = ExitStack()
        stack.enter_context(driver.kept(self.name, self.settings, self.settings_uri))
        return stack

    def held_in_spark(self) -> socket.socket:
        """The line of a worker of Spark's to the API, once the job, which asks for the total first, has come so far."""
        line, _ = self.api.accept()
        with line:
            line.recv(10_000)
            body = b'{"meta": {"count": 1}, "results": []}'
            line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(body), body))
        held, _ = self.api.accept()
        held.settimeout(PATIENCE_S)
        held.recv(10_000)
        return held

    def loans(self) -> int:
        return len(table_rows(self.settings, PARTITION)["staged.loans"])


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for sockets, whose paths end at 104 bytes."""
    with TemporaryDirectory() as folder:
        monkeypatch.setenv("SPARK_LOCAL_DIRS", folder)
        yield Path(folder)


@pytest.fixture
def run(tmp_path: Path, short: Path) -> Iterator[Run]:
    sample.generate(tmp_path / "data", partition=LIBRARY.calendar.partition(PARTITION), rows=LOANS)
    (tmp_path / "secrets").mkdir()
    key = tmp_path / "secrets" / "club-key"
    key.write_text("a key")
    key.chmod(0o600)
    with socket.create_server(("127.0.0.1", 0)) as api:
        api.settimeout(PATIENCE_S)
        text = LOCAL.read_text().replace("../../../.pipeline", str(tmp_path)).replace("../../../.cache", str(cache()))
        text = text.replace("http://127.0.0.1:9000", f"http://127.0.0.1:{api.getsockname()[1]}")
        file = tmp_path / "settings.toml"
        file.write_text(text)
        settings = settings_module.load(str(file))
        lake.apply(settings)
        yield Run("run-0123456789", settings, str(file), api)
    assert list(short.iterdir()) == []


def tree(without: Sequence[psutil.Process] = ()) -> list[psutil.Process]:
    """What this process has started, and what that has."""
    return [each for each in psutil.Process().children(recursive=True) if each not in without]


def test_a_job_whose_asker_is_killed_ends_alone(run: Run) -> None:
    asks = "import sys; from pipeline_assets.driver.running import run_job; run_job(*eval(sys.argv[1]), timeout_s=900)"
    with run.kept():
        arguments = (run.name, run.arguments("extract_reviews"))
        asker = subprocess.Popen([sys.executable, "-c", asks, repr(arguments)])
        with run.held_in_spark() as held:
            asker.kill()
            asker.wait()
            assert held.recv(1000) == b""  # Spark's worker is gone
        assert run.job("extract_loans") == 0
        assert [each.name for each in (driver.scratch_path(run.name)).glob("[0-9]*")] == ["1"]
    assert run.loans() == LOANS


def test_a_job_says_itself_what_is_wrong_where_its_asker_prints(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    with run.kept():
        (driver.scratch_path(run.name) / "2026_11_20_8_00_00").mkdir()  # as the JVM's flight recorder makes one
        assert run.job("extract_loans") == 0
        assert driver.run_job(run.name, ["extract_nothing"], timeout_s=PATIENCE_S) == 2
    printed = capfd.readouterr()
    assert f"published dataset=staged.loans partition_date={PARTITION} rows={LOANS}" in printed.err
    assert "error: the following arguments are required: --settings" in printed.err


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=lambda how: how.name)
def test_when_spark_ends_every_job_ends_with_it_and_is_done_by_the_next_one(run: Run, how: signal.Signals) -> None:
    """SIGTERM: as after an OutOfMemoryError, Spark stops, and tells its jobs so, before it is gone."""
    said = []

    def reviews() -> None:
        try:
            run.job("extract_reviews")
        except driver.DriverEnded as ended:
            said.append(str(ended))

    of_other_tests = tree()
    with run.kept():
        asker = Thread(target=reviews)
        asker.start()
        with run.held_in_spark():
            before = tree(of_other_tests)
            (java,) = (each for each in before if each.name() == "java")
            java.send_signal(how)
            asker.join()
        assert said == [f"Spark ended with exit code {128 + how} while it ran the job"]
        assert run.job("extract_loans", attempt=1) == 0
        _, alive = psutil.wait_procs(before, timeout=PATIENCE_S)
        assert alive == []
        after = tree(of_other_tests)
    _, alive = psutil.wait_procs(after, timeout=PATIENCE_S)
    assert alive == []
    assert run.loans() == LOANS


def test_a_job_that_is_not_done_in_time_ends_and_the_driver_goes_on(run: Run) -> None:
    with run.kept():
        assert run.job("extract_loans") == 0
        with pytest.raises(subprocess.TimeoutExpired):
            driver.run_job(run.name, run.arguments("extract_reviews"), timeout_s=1)
        assert run.job("extract_loans", attempt=1) == 0


def test_spark_that_does_not_start_is_not_started_again(run: Run) -> None:
    no_spark = run.settings.model_copy(
        update={"spark": run.settings.spark.model_copy(update={"driver_memory": "much"})}
    )
    with (
        driver.kept(run.name, no_spark, run.settings_uri),
        pytest.raises(driver.NotStarted, match=r"^Spark ended with exit code 1 before it had started; why, stands in"),
    ):
        run.job("extract_loans")


def test_a_run_without_a_driver_is_told_so(short: Path) -> None:
    with pytest.raises(driver.NotStarted, match=f"^nobody keeps a Spark driver for this run in {short}"):
        driver.run_job("of-nobody", [], timeout_s=PATIENCE_S)
