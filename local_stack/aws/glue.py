"""moto's Glue with the optimistic lock that Iceberg relies on, and the answers that AWS has given to commits it took.

UpdateTable names the version it changes; AWS refuses it when there is a newer one, moto 5.2.5 takes it and the
other commit is lost.
"""

from threading import RLock
from typing import Any

from moto.core.exceptions import ServiceException
from moto.glue import responses

from local_stack.aws import faults

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
            answer = original(self)
            if faults.strikes("refuse_taken", table):
                raise ConcurrentModification(f"Update table failed due to concurrent modifications: {table}.")
            if faults.strikes("lose_answer", table):
                return 500, {}, '{"__type": "InternalServiceException", "Message": "The answer is lost."}'
            return answer

    responses.GlueResponse.update_table = update_table
