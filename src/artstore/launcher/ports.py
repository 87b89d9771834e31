"""Which port each service listens on: given, remembered, the design's default, or any free one.

A port is never assumed to be free. Two launchers that start at the same moment do not choose the same one:
each holds a reservation for what it has chosen.
"""

import json
import random
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import chain
from pathlib import Path

from artstore.launcher.errors import CannotStart, PortTaken
from artstore.launcher.private import write_private

DEFAULT_PORTS = {"admin": 8000, "edit-01": 8010, "rw-01": 8011, "ingester": 8020, "query": 8030}
"""The ports of the design page, one for each process."""
# Below the range that the kernel gives to outgoing connections, one of which could otherwise sit on the
# port of a service that is being restarted.
_ANY_PORT = range(20_000, 32_000)
_TRIES = 200


class Ports:
    """The ports of one system. ``given`` are asked for by number; ``defaults`` are tried when nothing else
    is.
    """

    def __init__(
        self,
        memory: Path,
        *,
        host: str,
        given: Mapping[str, int] | None = None,
        defaults: Mapping[str, int] = DEFAULT_PORTS,
    ) -> None:
        self._memory = memory
        self._host = host
        self._given = dict(given or {})
        self._defaults = defaults
        self._remembered = _read(memory)
        self._chosen: dict[str, int] = {}
        self._reserved: dict[int, socket.socket] = {}

    def __getitem__(self, name: str) -> int:
        return self._chosen[name]

    def is_given(self, name: str) -> bool:
        return name in self._given

    def choose(self, name: str) -> int:
        """Chooses a free port and remembers it. Raises PortTaken when one was given and is in use."""
        if (given := self._given.get(name)) is not None:
            if not self._take(given):
                raise PortTaken(name, self._host, given)
            port = given
        else:
            port = self._any_free(name)
        self._chosen[name] = port
        self._remember()
        return port

    def choose_anew(self, name: str) -> int:
        """Another port in place of one that somebody took after it was chosen."""
        self._release(self._chosen.pop(name))
        self._remembered.pop(name, None)
        return self.choose(name)

    def close(self) -> None:
        """Gives up the reservations. The ports stay remembered."""
        for port in list(self._reserved):
            self._release(port)

    def _any_free(self, name: str) -> int:
        for port in self._candidates(name):
            if self._take(port):
                return port
        raise CannotStart(name, f"no free port was found for {self._host}")

    def _candidates(self, name: str) -> Iterator[int]:
        liked = [
            port for ports in (self._remembered, self._defaults) if (port := ports.get(name)) is not None
        ]
        return chain(liked, (random.choice(_ANY_PORT) for _ in range(_TRIES)))

    def _take(self, port: int) -> bool:
        if not self._reserve(port):
            return False
        if is_free(self._host, port):
            return True
        self._release(port)
        return False

    def _reserve(self, port: int) -> bool:
        if (reservation := reserve(self._host, port)) is None:
            return False
        self._reserved[port] = reservation
        return True

    def _release(self, port: int) -> None:
        if (reservation := self._reserved.pop(port, None)) is not None:
            reservation.close()

    def _remember(self) -> None:
        known = self._remembered | self._chosen
        if known != _read(self._memory):
            write_private(self._memory, json.dumps(known, indent=2) + "\n")


def reserve(host: str, port: int) -> socket.socket | None:
    """A reservation, until it is closed; None where another launcher has one."""
    # An abstract Unix socket: a name that the kernel gives to one process, takes back at its end, and
    # keeps in the same network namespace as the port. Nothing is ever sent over it.
    reservation = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        reservation.bind(f"\0artstore-port-{host}-{port}")
    except OSError:
        reservation.close()
        return None
    return reservation


def is_free(host: str, port: int) -> bool:
    """Whether a service could listen there now. Without SO_REUSEPORT, which would share a port in silence."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def _read(memory: Path) -> dict[str, int]:
    # A memory that cannot be read is no reason not to start: ports are then chosen as for the first time.
    with suppress(OSError, ValueError, AttributeError):
        found = json.loads(memory.read_text(encoding="utf-8"))
        return {name: port for name, port in found.items() if isinstance(port, int) and 0 < port < 65536}
    return {}
