"""Which element is asked for a document that several have, and which is left alone."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from artstore.kernel.peers import Breakers, BreakerState
from artstore.query import metrics
from artstore.wire.elements import ElementHealth, RegisteredElement

_WORSE = (ElementHealth.OK, ElementHealth.DEGRADED, ElementHealth.AWAY)


class ElementChoice:
    """For the thread of one event loop. ``breakers`` are told how each call went by whoever makes it."""

    def __init__(self, known: Callable[[str], RegisteredElement | None], breakers: Breakers) -> None:
        """``known``: what was last heard of an element, by its id."""
        self.breakers = breakers
        self._known = known
        self._under_way: Counter[str] = Counter()

    def in_order(self, element_ids: Iterable[str]) -> list[RegisteredElement]:
        """The known ones of these: the well before the ailing, the idle before the busy, else as they came.

        Those that are away, or left alone by their breakers, come last: what is known of them may be old.
        """
        known = [element for element in map(self._known, element_ids) if element is not None]
        return sorted(known, key=self._rank)

    def is_being_tried(self, element_ids: Iterable[str]) -> bool:
        """Whether one of them, which failed, is called by somebody just now to see if it is back."""
        return any(self.breakers.state(one) is BreakerState.HALF_OPEN for one in element_ids)

    @contextmanager
    def under_way(self, element_id: str) -> Iterator[None]:
        """While a download from the element lasts, it counts as busy with one more."""
        gauge = metrics.DOWNLOADS_UNDER_WAY.labels(element_id)
        self._under_way[element_id] += 1
        gauge.inc()
        try:
            yield
        finally:
            self._under_way[element_id] -= 1
            gauge.dec()

    def _rank(self, element: RegisteredElement) -> tuple[bool, int, int]:
        is_left_alone = self.breakers.state(element.element_id) is not BreakerState.CLOSED
        return is_left_alone, _WORSE.index(element.health), self._under_way[element.element_id]
