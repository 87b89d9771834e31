"""Ctrl-C and SIGTERM: the first ends what is running in good order, the second at once."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from types import FrameType

from artstore.launcher.system import System


class Interrupted(KeyboardInterrupt):
    """A signal asked the command to end."""


class InterruptedAgain(Interrupted):
    """A further one: there is no patience left."""


@contextmanager
def _signals_interrupt() -> Iterator[None]:
    interruptions = 0

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal interruptions
        interruptions += 1
        raise Interrupted if interruptions == 1 else InterruptedAgain

    wanted = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, interrupt) for number in wanted}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Ending(Enum):
    """How it ended."""

    FINISHED = "the work came to its end"
    STOPPED = "a signal ended it, and everything was stopped in good order"
    KILLED = "a second signal killed everything"


def run_until_interrupted(system: System, work: Callable[[], None], *, say: Callable[[str], None]) -> Ending:
    """Starts the system, does the work, stops the system.

    The first signal ends the work and stops the system in good order; the second one kills it, which loses
    nothing that was acknowledged. Errors of the work are raised after the system was stopped. To be called in
    the main thread.
    """
    with _signals_interrupt():
        try:
            ending = _run(system, work, say)
            system.stop()
        except Interrupted:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            say("killing everything")
            system.kill()
            return Ending.KILLED
        except BaseException:
            system.stop()
            raise
        return ending


def _run(system: System, work: Callable[[], None], say: Callable[[str], None]) -> Ending:
    try:
        system.start()
        work()
    except InterruptedAgain:
        raise
    except Interrupted:
        say("stopping (once more to kill)")
        return Ending.STOPPED
    return Ending.FINISHED
