"""What the topic is told by the state machines: subject and message, partition first. Pure.

Every word in them is ours, a name of an error, or a sentence that a job cut for this (emr_jobs.core.errors,
in_one_line): Amazon's free text has no limit, and SNS refuses a subject that is long or not plain, and then nobody is
told. The state language cannot cut, so `too_long` refuses names that would not fit. Does not own: when it is told.
"""

from collections.abc import Iterable, Iterator

from pipeline_assets.production.generate.asl import NEWLINE, Path, call

SUBJECT_CHARS = 99  # "less than 100 characters", in ASCII
READERS_WAIT = "Readers still see the day before, or this day as it was published before."
READERS_HAVE_IT = "Readers see the day."
_PARTITION = "2026-11-23"


def subject(deployment: str, partition: Path, rest: str, *values: Path) -> Path:
    return call("Format", f"{deployment} {{}} {rest}", partition, *values)


def subject_of_failed(deployment: str, partition: Path, *, state: Path, names: Path, more: Path) -> Path:
    """The first of what failed, and how many more there are: `more` has a word for each number."""
    others = call("ArrayGetItem", more, call("MathAdd", call("ArrayLength", names), -1))
    return subject(deployment, partition, "{}: {}{}", state, call("ArrayGetItem", names, 0), others)


def words_for_more(at_once: int) -> list[str]:
    return ["", *(f" +{number}" for number in range(1, at_once))]


def too_long(deployment: str, names: Iterable[str], *, at_once: int) -> Iterator[str]:
    """Of what may be named in a subject, that which does not fit or is not printable ASCII."""
    longest = f"{deployment} {_PARTITION} not published: "
    room = SUBJECT_CHARS - len(longest) - len(words_for_more(at_once)[-1])
    for name in names:
        if len(name) > room or not (name.isascii() and name.isprintable()):
            yield f"{name[:60]!r} does not fit into a message's subject: printable ASCII, at most {room} characters"


def text(*lines: Path | str | tuple[str, *tuple[Path, ...]]) -> Path:
    """Of a sentence, or one with values, a line; of a path the lines that it holds, which may be none."""
    template = ""
    values: list[Path] = []
    for line in lines:
        if isinstance(line, Path):
            template, values = f"{template}{{}}", [*values, line]
        else:
            sentence, *of_line = (line,) if isinstance(line, str) else line
            template, values = f"{template}{sentence}{{}}", [*values, *of_line, NEWLINE]
    return call("Format", template, *values)


def console(region: Path, execution_arn: Path) -> tuple[str, Path, Path]:
    """The line with the console's link."""
    return "Console: https://{}.console.aws.amazon.com/states/home#/v2/executions/details/{}", region, execution_arn
