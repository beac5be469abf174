"""`pipeline slo`: how the promised hours were kept."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from pipeline_assets.cli.output import Json, SettingsOption, console, errors, print_json, print_message, show_rows
from pipeline_assets.home import load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emr_jobs.core.partition import Calendar

    from pipeline_assets.slo import Record


def slo(
    days: Annotated[int, typer.Option(help="How many days that are due, back from the newest.", min=1, max=3660)] = 30,
    dataset: Annotated[str | None, typer.Option(help="Only this one, day by day.")] = None,
    settings: SettingsOption = None,
    json: Json = False,
) -> None:
    """How many days readers had by the hour that the contracts promise: on time, late, missing, repaired.

    From what is published, of each dataset that promises an hour. A day counts by its first publication; it was
    repaired when another run published it later. Days before the first that a dataset ever had are not counted.
    """
    from emr_jobs.domain import domain_of

    from pipeline_assets.slo import records

    values = load_settings(settings)
    with errors().status("looking at what is published"):
        found = records(values, days=days, dataset=dataset, now=datetime.now(UTC))
    if json:
        print_json([_as_json(each) for each in found])
    elif dataset is None:
        _show(found, domain_of(values).calendar)
    else:
        _show_days(found[0], domain_of(values).calendar)


def _as_json(record: "Record") -> dict[str, object]:
    from pipeline_assets.slo import Kept

    days = [
        {name: at.isoformat() if isinstance(at, datetime) else at for name, at in asdict(day).items()}
        for day in record.days
    ]
    counted = {kept.name.lower(): record.count(kept) for kept in Kept}
    return {
        "dataset": record.dataset,
        "available_by": record.available_by,
        **counted,
        "repaired": record.repaired,
        "worst_hours_late": record.worst_hours_late,
        "trouble": record.trouble,
        "days": days,
    }


def _show(found: "Sequence[Record]", calendar: "Calendar") -> None:
    from pipeline_assets.slo import Kept

    headings = ("dataset", f"due by, {calendar.place}", "days", *Kept, "repaired", "worst delay")
    rows = [
        (
            each.dataset,
            each.available_by,
            len(each.days),
            *(Text(str(each.count(kept)), _STYLES[kept] if each.count(kept) else "dim") for kept in Kept),
            each.repaired,
            each.trouble or _hours(each.worst_hours_late),
        )
        for each in found
    ]
    show_rows(console(), headings, rows, right=headings[2:-1])
    if any(each.count(Kept.UNKNOWN) for each in found):
        print_message(console(), "\nwhy days are unknown  pipeline slo --dataset DATASET")


def _show_days(record: "Record", calendar: "Calendar") -> None:
    if record.trouble:
        print_message(console(), f"{record.dataset}: {record.trouble}")
        return
    headings = ("day", f"due, {calendar.place}", "readable since", "is", "delay", "repaired", "why")
    rows = [
        (
            day.day,
            _local(calendar, day.due_at),
            _local(calendar, day.since),
            Text(day.kept, _STYLES[day.kept]),
            _hours(day.hours_late),
            _local(calendar, day.repaired_at),
            day.why,
        )
        for day in record.days
    ]
    show_rows(console(), headings, rows, right=("delay",))


_STYLES = {"on time": "green", "late": "yellow", "missing": "bold red", "unknown": "dim"}


def _local(calendar: "Calendar", at: datetime | None) -> str | None:
    return None if at is None else f"{calendar.local(at):%Y-%m-%d %H:%M}"


def _hours(hours: float | None) -> str | None:
    return None if hours is None else f"{int(hours)} h {int(hours * 60) % 60:02} min"
