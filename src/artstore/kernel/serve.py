"""Runs a service as a process: Granian with one worker, loads the application and dies with it."""

import ctypes
import importlib
import os
import signal
import socket
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

from artstore.kernel import logging as our_logging
from artstore.kernel.settings import ServiceSettings

EXIT_CANNOT_START = 1
EXIT_PORT_TAKEN = 3

_PR_SET_PDEATHSIG = 1
_HEADER_READ_MS = 30_000


def run(target: str, *, settings: ServiceSettings, service: str) -> None:
    """Serves ``target``, "package.module:factory", until SIGTERM or SIGINT. The worker calls the factory.

    Ends the process with status 3 where the port is taken and 1 where the application does not start, each
    with one line on stderr. After a signal, requests under way get ``settings.shutdown_seconds`` to end.
    """
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
        # A client has this long for the head of a request; it is also how long an idle connection is kept.
        http1_settings=HTTP1Settings(header_read_timeout=_HEADER_READ_MS, keep_alive=True),
        log_level=LogLevels.warning,
        log_dictconfig={"handlers": {}, "loggers": {"_granian": {"propagate": True}}},
        workers_kill_timeout=settings.shutdown_seconds,
    )
    loader = partial(_load, target, service, settings.log_level, os.getpid())
    try:
        server.serve(target_loader=loader, wrap_loader=False)
    finally:
        claim.close()


def _claim(service: str, host: str, port: int) -> socket.socket:
    """Makes sure that nobody else serves this address, and keeps others of ours away until it is closed.

    Granian listens with SO_REUSEPORT, with which a second process would silently share the port. So the port
    is bound once without it. The abstract socket closes the gap between this look and Granian's own binding.
    """
    try:
        address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        claim = socket.socket(socket.AF_UNIX)
        claim.bind(f"\0artstore-listen-{address[4][0]}-{port}")
        with socket.socket(address[0], socket.SOCK_STREAM) as probe:
            # Connections of an earlier process that linger in TIME_WAIT do not make the port taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address[4])
    except OSError as error:
        reason = "it is taken by another process" if error.errno == 98 else error.strerror
        sys.stderr.write(f"artstore {service}: cannot listen on {host}:{port}: {reason}\n")
        sys.exit(EXIT_PORT_TAKEN)
    return claim


def _load(target: str, service: str, log_level: str, parent: int) -> Callable[..., Any]:
    """In the worker: ties its life to the parent's, then makes the application."""
    _die_with_parent(parent)
    our_logging.configure(service, log_level)
    module, _, name = target.partition(":")
    try:
        application: Callable[..., Any] = getattr(importlib.import_module(module), name)()
    except Exception as error:  # noqa: BLE001 - whatever a service's code raises, it is told in one line
        _give_up(service, error)
    return application


def _give_up(service: str, error: Exception) -> NoReturn:
    from artstore.kernel.app import describe

    our_logging.get_logger(__name__).exception("the service cannot start")
    sys.stderr.write(f"artstore {service}: cannot start: {describe(error)}\n")
    sys.exit(EXIT_CANNOT_START)


def _die_with_parent(parent: int) -> None:
    """Asks the kernel to kill this process when its parent ends, however that happens.

    SIGKILL: a parent that was killed is a crash, and the worker must not go on to serve, nor to hold the port
    and the element's lock against the process that is started next.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(EXIT_CANNOT_START)
