"""Runs a service as a process: Granian with one worker, which loads the application and never outlives it."""

import errno
import multiprocessing
import multiprocessing.process
import os
import signal
import socket
import sys
import threading
from functools import partial
from types import FrameType
from typing import Any, Final

from artstore.kernel import logging as our_logging
from artstore.kernel import worker
from artstore.kernel.settings import ServiceSettings

EXIT_CANNOT_START: Final = worker.EXIT_CANNOT_START
EXIT_PORT_TAKEN: Final = 3

CLOSE_SECONDS: Final = 10
"""How long the application may take to close after its requests have ended or were cut off."""
_HEADER_READ_MS: Final = 30_000
_RECEIVE_BYTES: Final = 128 * 1024
"""Of a request's body, in one piece. For each client that sends quicker than we take, the server holds up to
three: this bounds what a hundred uploads take of memory. Pieces of 400 KiB, Granian's default, would cost a
third less CPU for each byte of a large upload."""
_log = our_logging.get_logger(__name__)


def run(target: str, *, settings: ServiceSettings, service: str) -> None:
    """Serves ``target``, "package.module:factory", until SIGTERM, SIGINT or SIGHUP; a worker calls it.

    Ends the process with status 3 where the port is taken and 1 where the application does not start or dies,
    each with one line on stderr. After a signal, requests under way get ``settings.shutdown_seconds`` to end,
    then they are cut off; the application is closed in any case.
    """
    # Loaded here, so that importing this module for its constants stays cheap.
    from granian.constants import HTTPModes, Interfaces, Loops
    from granian.http import HTTP1Settings
    from granian.log import LogLevels
    from granian.server import MPServer

    our_logging.configure(service, settings.log_level)
    claim = _claim(service, settings.host, settings.port)
    server = MPServer(
        target,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        workers=1,
        loop=Loops.uvloop,
        http=HTTPModes.http1,
        websockets=False,
        # A client has this long for the head of a request.
        http1_settings=HTTP1Settings(
            header_read_timeout=_HEADER_READ_MS, keep_alive=True, max_buffer_size=_RECEIVE_BYTES
        ),
        log_level=LogLevels.warning,
        log_dictconfig=_GRANIAN_LOGS,
    )
    # Granian has a limit of its own, which also says of workers that ended in time that it killed them.
    seconds = settings.shutdown_seconds + CLOSE_SECONDS
    server.on_startup(partial(_announce_stops, signal.getsignal(signal.SIGHUP), seconds))
    loader = partial(
        worker.load,
        target,
        service=service,
        log_level=settings.log_level,
        shutdown_seconds=settings.shutdown_seconds,
        parent=os.getpid(),
    )
    try:
        server.serve(target_loader=loader, wrap_loader=False)
    finally:
        claim.close()


# Granian's lines become ours. What an application raises is in our log already, with its request.
_GRANIAN_LOGS: dict[str, Any] = {
    "handlers": {},
    "loggers": {"_granian": {"propagate": True}, "_granian.utils": {"level": "CRITICAL"}},
}


def _announce_stops(hangup: Any, seconds: float) -> None:
    """Tells the worker of a stop before Granian does; called once Granian's own handlers are in place.

    A worker that has not ended ``seconds`` later is killed.

    SIGHUP is a stop too, unless it was ignored before, as under nohup: Granian would start a second worker
    beside the first, and two cannot hold one element.
    """
    stop = partial(_stop, signal.getsignal(signal.SIGTERM), seconds)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    signal.signal(signal.SIGHUP, signal.SIG_IGN if hangup is signal.SIG_IGN else stop)


def _stop(granian: Any, seconds: float, number: int, frame: FrameType | None) -> None:
    for process in multiprocessing.active_children():
        if process.pid is not None:
            os.kill(process.pid, worker.STOP_SIGNAL)
        last_resort = threading.Timer(seconds, _kill, [process])
        last_resort.daemon = True
        last_resort.start()
    granian(number, frame)


def _kill(process: multiprocessing.process.BaseProcess) -> None:
    if process.is_alive():
        _log.error("the worker did not stop in time and is killed")
        process.kill()


def _claim(service: str, host: str, port: int) -> socket.socket:
    """Makes sure that nobody else serves this address, and keeps others of ours away until it is closed.

    Granian listens with SO_REUSEPORT, with which a second process would silently share the port. So the port
    is bound once without it. The abstract socket closes the gap between this look and Granian's own binding.
    """
    claim = socket.socket(socket.AF_UNIX)
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        claim.bind(f"\0artstore-listen-{address[0]}-{port}")
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # Connections of an earlier process that linger in TIME_WAIT do not make the port taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        claim.close()
        taken = error.errno == errno.EADDRINUSE
        reason = "it is taken by another process" if taken else error.strerror
        sys.stderr.write(f"artstore {service}: cannot listen on {host}:{port}: {reason}\n")
        sys.exit(EXIT_PORT_TAKEN)
    return claim
