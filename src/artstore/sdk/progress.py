"""How far a transfer is."""

from collections.abc import Callable

Progress = Callable[[int, int | None], None]
"""Called with the bytes that have gone so far and the size, None where it is not known."""


def advancing(advance: Callable[[int], None]) -> Progress:
    """A progress callback that tells ``advance`` how much was added since the last call.

    Less than nothing is added when a transfer starts again from its beginning.
    """
    before = 0

    def progress(done: int, size: int | None) -> None:
        nonlocal before
        advance(done - before)
        before = done

    return progress
