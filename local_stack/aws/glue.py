"""moto's Glue with the optimistic lock that Iceberg relies on.

UpdateTable names the version it changes; AWS refuses it when there is a newer one, moto 5.2.5 takes it and the
other commit is lost.
"""

from threading import RLock
from typing import Any

from moto.core.exceptions import ServiceException
from moto.glue import responses

LOCK = RLock()


class ConcurrentModification(ServiceException):
    code = "ConcurrentModificationException"


def install() -> None:
    original = responses.GlueResponse.update_table

    def update_table(self: Any) -> Any:
        with LOCK:
            wanted, table = self.parameters.get("VersionId"), self.parameters["TableInput"]["Name"]
            found = self.glue_backend.get_table(self.parameters.get("DatabaseName"), table)
            newest = max(map(int, found.versions))
            if wanted is not None and int(wanted) != newest:
                raise ConcurrentModification(f"Update table failed due to concurrent modifications: {table}.")
            return original(self)

    responses.GlueResponse.update_table = update_table
