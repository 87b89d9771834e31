"""How slowly a client may send: a slow line is served, one that only holds a place is not."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Self, TypeVar

from artstore.ingester.settings import IngesterSettings
from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType

_T = TypeVar("_T", bound=bytes)


@dataclass(frozen=True, slots=True)
class PaceLimits:
    silence_seconds: float
    """At a stretch without a byte."""
    bytes_per_second: int = 0
    """What a client has to send on average; 0: any."""
    slow_seconds: float = 60.0
    """How far it may fall behind that, in seconds of waiting."""

    @classmethod
    def of(cls, settings: IngesterSettings) -> Self:
        return cls(
            settings.client_silence_seconds,
            settings.client_bytes_per_second,
            settings.client_slow_seconds,
        )


class Pace:
    """Waits for the pieces of one body. Only waiting counts: a client is not slow while we do not read.

    A second of waiting is a second of debt, and each ``bytes_per_second`` that arrive pay for one; nobody can
    pay ahead. So a client whose line was dead in a tunnel goes on, and one that sends a byte now and then
    does not.
    """

    def __init__(
        self,
        limits: PaceLimits,
        *,
        kind: ProblemType = ProblemType.REQUEST_TIMEOUT,
        advice: str = "send the upload again",
    ) -> None:
        """``kind`` and ``advice`` are what a client that is too slow is told."""
        self._limits = limits
        self._kind = kind
        self._advice = advice
        self._debt = 0.0

    async def wait(self, piece: Awaitable[_T]) -> _T:
        """The piece. Raises Problem for a client that is too slow."""
        limits, now = self._limits, asyncio.get_running_loop().time
        patience = limits.silence_seconds
        if limits.bytes_per_second:
            patience = min(patience, max(0.0, limits.slow_seconds - self._debt))
        began = now()
        try:
            async with asyncio.timeout(patience):
                arrived = await piece
        except TimeoutError as error:
            raise self._too_slow(patience) from error
        if limits.bytes_per_second:
            debt = self._debt + now() - began - len(arrived) / limits.bytes_per_second
            self._debt = max(0.0, debt)
        return arrived

    def _too_slow(self, waited: float) -> Problem:
        limits = self._limits
        if waited >= limits.silence_seconds:
            detail = f"Nothing arrived for {limits.silence_seconds:g} seconds; {self._advice}."
        else:
            detail = (
                f"The upload came with less than {limits.bytes_per_second} bytes a second for"
                f" {limits.slow_seconds:g} seconds: a better line is needed; {self._advice}."
            )
        return Problem(self._kind, detail)
