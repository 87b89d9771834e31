"""What an element allows, and how that changes while it is open."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from artstore.engine.effects import microseconds
from artstore.engine.errors import Closed, ModeForbids
from artstore.engine.layout import ElementDescription, Mode
from artstore.engine.log.record import ModeChange

_LATER = {Mode.RW: frozenset({Mode.RO}), Mode.RO: frozenset({Mode.AR})}


class Modes:
    """The description of the open element, whose mode is the one thing in it that changes."""

    def __init__(
        self, element: ElementDescription, submit: Callable[[ModeChange], Awaitable[object]]
    ) -> None:
        """``submit`` makes a record durable."""
        self.element = element
        self.closed = False
        self._submit = submit

    def demand(self, operation: str, *modes: Mode) -> None:
        """Raises Closed, and ModeForbids unless the mode is one of ``modes``."""
        if self.closed:
            raise Closed
        if self.element.mode not in modes:
            raise ModeForbids(self.element.mode, operation)

    @property
    def later(self) -> frozenset[Mode]:
        """What ``go_on_to`` takes now, beside the mode that there is."""
        return _LATER.get(self.element.mode, frozenset())

    async def go_on_to(self, mode: Mode) -> None:
        """Goes the one way that is open, from ``rw`` to ``ro`` to ``ar``. Raises ModeForbids."""
        self.demand(f"become '{mode}'", *Mode)
        if mode is self.element.mode:
            return
        if mode not in self.later:
            raise ModeForbids(self.element.mode, f"become '{mode}'")
        await self.change(mode)

    async def change(self, mode: Mode) -> None:
        """To any mode; durable on return."""
        before = self.element
        # At once, so that nothing that the new mode forbids comes behind the record.
        self.element = before.with_mode(mode)
        try:
            await self._submit(ModeChange(mode, microseconds(datetime.now(UTC))))
        except BaseException:
            self.element = before
            raise
