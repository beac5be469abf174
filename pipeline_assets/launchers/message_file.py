"""Pipes messages from a file that a job on this machine writes.

Dagster's own reader parses whatever a read returns. A message above the writer's buffer of 8 kB reaches the file
in two writes, and half of it ended the reader (seen: JSONDecodeError, the job's results lost). This one takes
lines once they are whole.
"""

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import dagster as dg
from dagster_pipes import PipesDefaultMessageWriter, PipesParams

_POLL_S = 0.05


class MessageFile(dg.PipesMessageReader):
    @contextmanager
    def read_messages(self, handler: dg.PipesMessageHandler) -> Iterator[PipesParams]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "messages"
            path.touch()
            ended = Event()
            reader = Thread(target=_forward, args=(path, handler, ended), daemon=True)
            reader.start()
            try:
                yield {PipesDefaultMessageWriter.FILE_PATH_KEY: str(path)}
            finally:
                ended.set()
                reader.join()

    def no_messages_debug_text(self) -> str:
        return "Attempted to read messages from a file on this machine."


def _forward(path: Path, handler: dg.PipesMessageHandler, ended: Event) -> None:
    try:
        for line in whole_lines(path, ended):
            handler.handle_message(json.loads(line))
    except Exception:
        handler.report_pipes_framework_exception("MessageFile reader thread", sys.exc_info())
        raise


def whole_lines(path: Path, ended: Event) -> Iterator[str]:
    """Every line as soon as its line break is there; after `ended`, what is left, then stops.

    A last line without its break was cut off by the writer's death and is no message.
    """
    rest = b""
    with path.open("rb") as file:
        while True:
            last = ended.wait(_POLL_S)
            *lines, rest = (rest + file.read()).split(b"\n")
            for line in lines:
                yield line.decode()
            if last:
                return
