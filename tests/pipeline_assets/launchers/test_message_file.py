"""Messages are taken whole, however the writer's writes fall."""

from pathlib import Path
from threading import Event

from pipeline_assets.launchers.message_file import whole_lines


def test_a_line_written_in_halves_arrives_whole(tmp_path: Path) -> None:
    path, ended = tmp_path / "messages", Event()
    with path.open("ab", buffering=0) as writer:
        writer.write('{"first": "ä"}\n{"sec'.encode())
        lines = whole_lines(path, ended)
        first = next(lines)
        writer.write(b'ond": 2}\n{"cut off')
        ended.set()
        assert [first, *lines] == ['{"first": "ä"}', '{"second": 2}']


def test_what_was_written_just_before_the_end_is_read(tmp_path: Path) -> None:
    path, ended = tmp_path / "messages", Event()
    path.write_text("one\ntwo\n")
    ended.set()
    assert list(whole_lines(path, ended)) == ["one", "two"]
