"""What is asked of the process that forks: one packet of JSON, with two descriptors beside it."""

from dataclasses import asdict, dataclass, field
from json import dumps
from typing import Final

REQUEST_BYTES: Final = 128 * 1024
"""The most that one packet holds. Linux takes packets of this size on a socket as it comes."""


@dataclass(frozen=True)
class StartRequest:
    """A child that runs a module as ``python -m`` does. The descriptors: its output, and its report."""

    name: str
    """Shown by ``ps`` and ``top``, cut after 15 bytes."""
    load: str
    """A module to be loaded before the child is made, so that the next one finds it loaded."""
    module: str
    arguments: list[str]
    folder: str
    end_with: int
    """The signal that the child gets when the process that forks ends."""
    environment: dict[str, str] = field(repr=False)

    def packet(self) -> bytes:
        return dumps(asdict(self)).encode()
