"""Ctrl-C and SIGTERM: the first ends what is running in good order, the second at once."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from artstore.launcher.system import System


class Interrupted(KeyboardInterrupt):
    """A signal asked the command to end."""


@contextmanager
def _signals_interrupt() -> Iterator[None]:
    def interrupt(number: int, frame: FrameType | None) -> None:
        raise Interrupted

    wanted = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, interrupt) for number in wanted}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_until_interrupted(system: System, work: Callable[[], None], *, say: Callable[[str], None]) -> bool:
    """Starts the system, does the work, stops the system; whether the work came to its end.

    The first signal ends the work and stops the system in good order; the second one kills it, which loses
    nothing that was acknowledged. Errors of the work are raised after the system was stopped. To be called in
    the main thread.
    """
    with _signals_interrupt():
        try:
            finished = _run(system, work, say)
            system.stop()
        except Interrupted:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            say("killing everything")
            system.kill()
            return False
        except BaseException:
            system.stop()
            raise
        return finished


def _run(system: System, work: Callable[[], None], say: Callable[[str], None]) -> bool:
    try:
        system.start()
        work()
    except Interrupted:
        say("stopping (once more to kill)")
        return False
    return True
