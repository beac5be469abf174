"""Faults as switches: one at a time, of all sources of the server or of one. And what a server refuses by itself: more
requests than its rate limit.

Does not own: what a fault does to an answer (rest_api). Invariant: `after` and `times` count the requests that the
fault could have struck, and what is left of them is what DELETE answers.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, cast

from pydantic import BaseModel, ConfigDict, NonNegativeFloat, NonNegativeInt, PrivateAttr, model_validator
from starlette.responses import Response

Kind = Literal[
    "status", "slow", "truncated", "broken_json", "repeated_cursor", "lying_total", "expired_token", "short_token"
]
_NEEDS: Mapping[str, str] = {"status": "status", "slow": "seconds", "short_token": "expires_in"}


class Fault(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kind: Kind
    source: str | None = None  # None: all
    after: NonNegativeInt = 0
    times: NonNegativeInt | None = None  # None: for ever
    status: int | list[int] | None = None  # several: in turn
    retry_after: int | float | str | None = 0  # None: no such header
    seconds: NonNegativeFloat | None = None
    expires_in: NonNegativeInt | None = None
    _struck: int = PrivateAttr(0)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        needed = _NEEDS.get(self.kind)
        if needed and getattr(self, needed) in (None, []):
            raise ValueError(f"{self.kind} needs {needed}")
        return self

    def strikes(self) -> bool:
        if self.after > 0:
            self.after -= 1
            return False
        if self.times == 0:
            return False
        if self.times is not None:
            self.times -= 1
        self._struck += 1
        return True

    @property
    def current_status(self) -> int:
        if isinstance(self.status, list):
            return self.status[(self._struck if self.times is None else self.times) % len(self.status)]
        return cast("int", self.status)

    @property
    def retry_after_header(self) -> dict[str, str]:
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}


class Faults:
    """What is switched on."""

    def __init__(self) -> None:
        self._fault: Fault | None = None

    def put(self, fault: Fault | None) -> dict[str, Any] | None:
        """In the place of the one before, of which it returns what is left."""
        before, self._fault = self._fault, fault
        return None if before is None else before.model_dump(exclude_unset=True)

    def strike(self, kind: Kind, source: str | None) -> Fault | None:
        fault = self._fault
        if fault is None or fault.kind != kind or fault.source not in (None, source):
            return None
        return fault if fault.strikes() else None


@dataclass
class RateLimit:
    per_second: int
    now: Callable[[], float] = time.time
    _second: int = 0
    _used: int = 0

    def take(self) -> dict[str, str] | None:
        """Headers of an answer within the limit, or None beyond it."""
        second = int(self.now())
        if second != self._second:
            self._second, self._used = second, 0
        self._used += 1
        if self._used > self.per_second:
            return None
        return self.headers(self.per_second - self._used)

    def headers(self, remaining: int) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.per_second),
            "X-RateLimit-Remaining": str(remaining),
            "X-RateLimit-Reset": str(self._second + 1),
        }


class CutOff(Response):
    """Announces its whole length, sends half and hangs up."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": bytes(self.body)[: len(self.body) // 2], "more_body": True})
        raise ConnectionAbortedError("cut off, as switched on")
