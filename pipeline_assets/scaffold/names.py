"""The words of a field's name, and what follows from them: the column's name, and whose data it may be. Pure."""

import re
import unicodedata
from collections.abc import Iterable

from emr_jobs.contracts.load import PARTITION_COLUMN
from emr_jobs.contracts.reading import REPORT_COLUMNS
from emr_jobs.sources.files.reports import REPORT_COLUMNS as FILE_REPORT

_TAKEN = {PARTITION_COLUMN, *REPORT_COLUMNS, *FILE_REPORT}
_WORD = re.compile(r"[A-Z]+(?![a-z])[0-9]*|[A-Z]?[a-z]+[0-9]*|[0-9]+")
_PERSONAL = {
    *("email", "mail", "phone", "mobile", "fax", "address", "street", "birthday", "birthdate", "birth", "iban", "ssn"),
    *("passport", "firstname", "lastname", "surname"),
}
_NAMED = {"customer", "first", "last", "full", "contact", "user", "member", "person", "holder"}


def words(name: str) -> list[str]:
    """In lower case, without accents: `InvoiceID` is invoice, id."""
    folded = unicodedata.normalize("NFKD", name.replace("ß", "ss")).encode("ascii", "ignore").decode()
    return [word.lower() for word in _WORD.findall(folded)]


def singular(noun: str) -> str:
    if noun.endswith("ies"):
        return f"{noun[:-3]}y"
    return noun.removesuffix("s") if not noun.endswith("ss") else noun


def column_names(paths: Iterable[tuple[str, ...]], *, dataset: str) -> list[str]:
    """A name of its own for each, none that the reading of records or files has for itself."""
    found: list[str] = []
    for number, path in enumerate(paths, start=1):
        name = "_".join(word for part in path for word in words(part)) or f"field_{number}"
        if name in _TAKEN or name[0].isdigit():
            name = f"{singular(dataset)}_{name}"
        while name in found:
            name = f"{name}_{number}"
        found.append(name)
    return found


def is_personal(path: tuple[str, ...]) -> bool:
    """By the words alone."""
    found = [word for part in path for word in words(part)]
    return bool(_PERSONAL & set(found)) or (found[-1:] == ["name"] and bool(_NAMED & set(found)))
