"""A circuit breaker for each element: one that cannot be reached is left alone for a while, then tried once.

*Closed*: it is called. *Open*: after several failures in a row it is not called, for a time that doubles
with every trial that fails, up to a bound, and varies so that not all services come back at once. *Half
open*: that time is over, or the element announced that it was started anew; one call may try, the others go
elsewhere.

A failure is an element that cannot be reached, falls silent, or answers that it is broken. An element that
refuses (no room, busy, not allowed) is alive.
"""

import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import TracebackType
from typing import Self

from prometheus_client import Counter, Gauge

from artstore.kernel.dependencies import DependencyDown
from artstore.kernel.logging import get_logger
from artstore.wire.elements import ElementAnnouncement, ElementState, RegisteredElement
from artstore.wire.problems import PROBLEM_JSON

STATE = Gauge(
    "artstore_element_breaker",
    "1 for the state that the circuit breaker of an element is in, as seen from this service",
    ("element_id", "state"),
)
CHANGES = Counter(
    "artstore_element_breaker_changes",
    "Changes of the circuit breaker of an element, by the state that it came to",
    ("element_id", "state"),
)
_log = get_logger(__name__)


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class BreakerOptions:
    failures: int = 3
    """In a row; then it opens."""
    open_seconds: float = 1.0
    """How long it is open at first, give or take half of it; doubled with each trial that fails."""
    longest_seconds: float = 30.0


class Attempt:
    """One call of an element, for a ``with`` block. How it went is told once; a later word is not heard.

    Left without a word, as where the client went away, it says nothing about the element.
    """

    def __init__(self, breaker: "_Breaker", era: int) -> None:
        self._breaker = breaker
        self._era = era
        self._told = False

    def reached(self) -> None:
        """The element is there, though the call is not over: a trial that takes long keeps nobody out."""
        if not self._told:
            self._era = self._breaker.reached(self._era)

    def succeeded(self) -> None:
        if self._first():
            self._breaker.succeeded(self._era)

    def failed(self, reason: str) -> None:
        if self._first():
            self._breaker.failed(self._era, reason)

    def answered(self, status: int, content_type: str) -> None:
        """An element that says why it refuses is well; of a 503 only our own services say that."""
        said_why = content_type.startswith(PROBLEM_JSON)
        if status == 500 or (status == 503 and not said_why):
            self.failed(f"the answer is {status}")
        else:
            self.succeeded()

    def _first(self) -> bool:
        first, self._told = not self._told, True
        return first

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._first():
            self._breaker.left(self._era)


class Breakers:
    """The breakers of all elements that one process calls. For its event loop's thread."""

    def __init__(
        self,
        options: BreakerOptions,
        *,
        clock: Callable[[], float] = time.monotonic,
        vary: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._options = options
        self._clock = clock
        self._vary = vary
        self._breakers: dict[str, _Breaker] = {}

    def attempt(self, element: ElementAnnouncement) -> Attempt | None:
        """Leave to call the element now; None where it is to be left alone."""
        breaker = self._breakers.get(element.element_id)
        if breaker is None:
            breaker = _Breaker(element.element_id, self._options, self._clock, self._vary)
            self._breakers[element.element_id] = breaker
        return breaker.attempt(element.started_at)

    def state(self, element_id: str) -> BreakerState:
        breaker = self._breakers.get(element_id)
        return BreakerState.CLOSED if breaker is None else breaker.state

    def seconds_to_wait(self, element_ids: Iterable[str]) -> float:
        """Until the first of these may be called again."""
        waits = [self._breakers[i].seconds_to_wait() for i in element_ids if i in self._breakers]
        return min(waits, default=0.0)

    def dependency(self, elements: Callable[[], list[RegisteredElement]]) -> "BreakersDependency":
        return BreakersDependency(self, elements)


class _Breaker:
    def __init__(
        self,
        element_id: str,
        options: BreakerOptions,
        clock: Callable[[], float],
        vary: Callable[[float, float], float],
    ) -> None:
        self.state = BreakerState.CLOSED
        self._element_id = element_id
        self._options = options
        self._clock = clock
        self._vary = vary
        self._era = 0
        """Grows with each change: who began to call before it knows nothing about the time after it."""
        self._failures = 0
        self._openings = 0
        """Since it was closed last."""
        self._until = 0.0
        self._started_at: datetime | None = None
        """When the element that is called was started, as it says."""
        self._trying = False
        for state in BreakerState:
            STATE.labels(element_id, state).set(state is BreakerState.CLOSED)

    def attempt(self, started_at: datetime) -> Attempt | None:
        anew = self._started_at is not None and started_at > self._started_at
        self._started_at = started_at
        if self.state is BreakerState.OPEN:
            if not anew and self._clock() < self._until:
                return None
            self._change(BreakerState.HALF_OPEN, why="started anew" if anew else "it is time to try")
        elif self._trying:
            return None
        self._trying = self.state is BreakerState.HALF_OPEN
        return Attempt(self, self._era)

    def succeeded(self, era: int) -> None:
        if era != self._era:
            return
        self._failures = self._openings = 0
        self._trying = False
        if self.state is not BreakerState.CLOSED:
            self._change(BreakerState.CLOSED, why="it answers")

    def reached(self, era: int) -> int:
        """The era in which the call goes on. One failure more, and it is open again."""
        if era != self._era or self.state is BreakerState.CLOSED:
            return era
        self._trying = False
        self._failures = self._options.failures - 1
        self._change(BreakerState.CLOSED, why="it is reached")
        return self._era

    def failed(self, era: int, reason: str) -> None:
        if era != self._era:
            return
        self._failures += 1
        self._trying = False
        if self.state is BreakerState.HALF_OPEN or self._failures >= self._options.failures:
            self._open(reason)

    def left(self, era: int) -> None:
        if era == self._era:
            self._trying = False

    def seconds_to_wait(self) -> float:
        return max(0.0, self._until - self._clock()) if self.state is BreakerState.OPEN else 0.0

    def _open(self, reason: str) -> None:
        longest = self._options.longest_seconds
        seconds = min(longest, self._options.open_seconds * 2.0 ** min(self._openings, 30))
        seconds = min(longest, seconds * self._vary(0.5, 1.5))
        self._openings += 1
        self._until = self._clock() + seconds
        self._change(BreakerState.OPEN, why=reason, failures=self._failures, seconds=round(seconds, 3))

    def _change(self, state: BreakerState, *, why: str, **facts: object) -> None:
        STATE.labels(self._element_id, self.state).set(0)
        STATE.labels(self._element_id, state).set(1)
        CHANGES.labels(self._element_id, state).inc()
        log = _log.warning if state is BreakerState.OPEN else _log.info
        log(
            "the circuit breaker of an element changed",
            element_id=self._element_id,
            state=state.value,
            before=self.state.value,
            why=why,
            **facts,
        )
        self.state = state
        self._era += 1


class BreakersDependency:
    """In the health of a service: elements that are not called now. Those that are retired are not missed."""

    name = "element_breakers"
    essential = False

    def __init__(self, breakers: Breakers, elements: Callable[[], list[RegisteredElement]]) -> None:
        self._breakers = breakers
        self._elements = elements

    async def check(self) -> None:
        states = {
            element.element_id: self._breakers.state(element.element_id)
            for element in self._elements()
            if element.registration.state is not ElementState.RETIRED
        }
        if told := [f"{i} is {state}" for i, state in states.items() if state is not BreakerState.CLOSED]:
            raise DependencyDown(", ".join(told))
