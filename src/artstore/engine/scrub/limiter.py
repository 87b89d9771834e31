"""Reading no faster than is wanted, and stopping at once when asked to."""

import threading
import time


class Stopped(Exception):
    """The scrub is to stop. What was read is remembered as far as it was whole."""


class Limiter:
    """For the threads that read. ``bytes_per_second`` may be changed at any time; None: unlimited."""

    def __init__(self, bytes_per_second: int | None) -> None:
        self.bytes_per_second = bytes_per_second
        self._stopping = threading.Event()
        self._free_at = 0.0

    def stop(self) -> None:
        self._stopping.set()

    def go_on(self) -> None:
        self._stopping.clear()

    def take(self, size: int) -> None:
        """Blocks until ``size`` bytes may be read. Raises Stopped."""
        now = time.monotonic()
        begin = max(now, self._free_at)
        rate = self.bytes_per_second
        self._free_at = begin + size / rate if rate else begin
        self.pause(begin - now)

    def pause(self, seconds: float) -> None:
        """Raises Stopped, at once when that is asked for meanwhile."""
        if self._stopping.wait(seconds) if seconds > 0 else self._stopping.is_set():
            raise Stopped
