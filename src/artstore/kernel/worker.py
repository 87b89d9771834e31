"""The process that serves requests: it is tied to its parent, loads the application, stops in order.

The parent announces a stop with ``STOP_SIGNAL`` beside the signal that Granian heeds. Granian alone waits for
a request that is under way as long as it takes, and for a client that never finishes the head of one;
a parent that then kills the worker would keep the application from closing what it has open.
"""

import asyncio
import ctypes
import gc
import importlib
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from artstore.kernel import logging as our_logging
from artstore.kernel.middleware import LOGGED_KEY

STOP_SIGNAL: Final = signal.SIGUSR1
EXIT_CANNOT_START: Final = 1

_PR_SET_PDEATHSIG: Final = 1
_RECORD_SECONDS: Final = 2.0
_log = our_logging.get_logger(__name__)


def load(target: str, *, service: str, log_level: str, shutdown_seconds: float, parent: int) -> ASGIApp:
    """Makes the application in the worker, or ends the process with the reason in one line on stderr."""
    die_with_parent(parent)
    # The handlers are inherited from the parent, and set a flag that nobody reads here. Until the application
    # runs, a signal ends the process at once: nothing is open yet that a crash could not leave open.
    for number in (signal.SIGTERM, signal.SIGINT, STOP_SIGNAL):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the parent hears it as well, and stops us in order
    our_logging.configure(service, log_level)
    try:
        application = _import_quickly(target)()
    except Exception as error:  # noqa: BLE001 - whatever a service's code raises, it is told in one line
        _log.exception("the service cannot start")
        our_logging.tell_cannot_start(service, error)
        sys.exit(EXIT_CANNOT_START)
    return OrderlyStop(application, shutdown_seconds)


def _import_quickly(target: str) -> Callable[[], Any]:
    # Loading makes hundreds of thousands of objects that stay; to search them again and again for garbage
    # costs about a tenth of the time. Frozen, they are not looked at later either.
    gc.disable()
    try:
        module, _, name = target.partition(":")
        factory: Callable[[], Any] = getattr(importlib.import_module(module), name)
    finally:
        gc.freeze()
        gc.enable()
    return factory


def die_with_parent(parent: int) -> None:
    """Asks the kernel to kill this process when its parent ends, however that happens.

    SIGKILL: a parent that was killed is a crash, and the worker must not go on to serve, nor to hold the port
    and the element's lock against the process that is started next.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(EXIT_CANNOT_START)


class OrderlyStop:
    """Wraps the application so that a stop is bounded in time and always closes it.

    From ``STOP_SIGNAL`` on, requests have ``seconds`` to end. Then they are cancelled, their connections
    break, and the application is closed, whatever Granian still waits for.
    """

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app = app
        self._seconds = seconds
        self._requests: set[asyncio.Task[Any]] = set()
        self._cut = asyncio.Event()
        self._cutting: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
            return
        task = asyncio.current_task()
        assert task is not None
        self._requests.add(task)
        try:
            await self._app(scope, receive, send)
        except Exception:
            if LOGGED_KEY not in scope:
                _log.exception("the request failed outside of the application")
            raise
        finally:
            self._requests.discard(task)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        starting = True
        failed = False

        async def next_event() -> Message:
            return await (receive() if starting else self._shutdown_event(receive))

        async def tell(message: Message) -> None:
            nonlocal starting, failed
            if message["type"] == "lifespan.startup.complete":
                starting = False
                asyncio.get_running_loop().add_signal_handler(STOP_SIGNAL, self._begin_to_stop)
            elif message["type"].endswith(".failed"):
                failed = True
                message = {"type": message["type"]}  # without the traceback, which the application has logged
            await send(message)

        try:
            await self._app(scope, next_event, tell)
        except Exception:
            if not failed:
                raise
        if self._cut.is_set():
            # Granian may wait for ever for the rest; the application is closed and nothing else matters.
            sys.stdout.flush()
            os._exit(0)

    async def _shutdown_event(self, receive: Receive) -> Message:
        """Granian's own event, or the same one when the time is over."""
        event = asyncio.ensure_future(receive())
        cut = asyncio.ensure_future(self._cut.wait())
        await asyncio.wait({event, cut}, return_when=asyncio.FIRST_COMPLETED)
        cut.cancel()
        if event.done():
            return event.result()
        event.cancel()
        return {"type": "lifespan.shutdown"}

    def _begin_to_stop(self) -> None:
        if self._cutting is None:
            self._cutting = asyncio.create_task(self._cut_off())

    async def _cut_off(self) -> None:
        await asyncio.sleep(self._seconds)
        requests = set(self._requests)
        _log.warning("the time to stop is over; requests are cut off", requests=len(requests))
        for request in requests:
            request.cancel()
        if requests:
            await asyncio.wait(requests, timeout=_RECORD_SECONDS)
        self._cut.set()
