"""Ports for those that listen a little later, or never."""

import random
import socket

from artstore.launcher.ports import is_free, reserve

_HOST = "127.0.0.1"
# Those above are given by the kernel to whoever asks for any, which other tests do all the time.
_PORTS = range(20_000, 32_000)


def free_port() -> int:
    """One of 127.0.0.1 on which nobody listens, and which no launcher takes while this process lives."""
    port, reservation = _free()
    reservation.detach()  # stays open, and is closed by the kernel when the process ends
    return port


def port_for_launcher() -> int:
    """One for a launcher, which reserves it itself: another may have taken it by then."""
    port, reservation = _free()
    reservation.close()
    return port


def _free() -> tuple[int, socket.socket]:
    while True:
        port = random.choice(_PORTS)
        if (reservation := reserve(_HOST, port)) is None:
            continue
        if is_free(_HOST, port):
            return port, reservation
        reservation.close()
