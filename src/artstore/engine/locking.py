"""The lock of an element: one process has it open, or several look at it, never both."""

import contextlib
import fcntl
import os
from collections.abc import Iterator

from artstore.engine.errors import Locked
from artstore.engine.layout import Layout


def lock_element(layout: Layout) -> int:
    """Locks the element for this process until the descriptor is closed. ``wal/`` is there.

    Raises Locked, OSError.
    """
    descriptor = os.open(layout.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise Locked(layout.root) from error
    return descriptor


@contextlib.contextmanager
def holding_off_services(layout: Layout) -> Iterator[None]:
    """Keeps services from opening the element, where there is a lock. Raises Locked."""
    try:
        descriptor = os.open(layout.lock, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        yield  # never opened, or damaged
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Locked(layout.root) from error
        except OSError:
            pass  # some file systems have no locks
        yield
    finally:
        os.close(descriptor)
