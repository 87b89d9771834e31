"""Reading what a disk may no longer be able to read, and keeping it for people to look at."""

import contextlib
import os
from pathlib import Path

from artstore.engine.durable import make_folders, write_durably

_READ_AT_ONCE = 4 << 20
_SECTOR = 4096


def read_damaged(path: Path, size: int) -> bytes:
    """The first ``size`` bytes of a file, zeros where the disk cannot read them."""
    data = bytearray()
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while len(data) < size:
            wanted = min(_READ_AT_ONCE, size - len(data))
            try:
                part = os.pread(descriptor, wanted, len(data))
            except OSError:
                part = _read_sectors(descriptor, len(data), wanted)
            if not part:
                break
            data += part
    finally:
        os.close(descriptor)
    return bytes(data)


def put_aside(quarantine: Path, name: str, data: bytes) -> Path:
    """Keeps ``data`` in the quarantine, once however often it is called. Durable on return."""
    make_folders(quarantine)
    target = quarantine / name
    number = 1
    while target.exists() and target.read_bytes() != data:
        number += 1
        target = quarantine / f"{name}.{number}"
    if not target.exists():
        write_durably(target, data)
    return target


def is_aside(quarantine: Path, name: str, data: bytes) -> bool:
    """Whether ``put_aside`` was called with this before."""
    return any(path.read_bytes() == data for path in quarantine.glob(f"{name}*"))


def _read_sectors(descriptor: int, start: int, size: int) -> bytes:
    data = bytearray()
    for at in range(start, start + size, _SECTOR):
        length = min(_SECTOR, start + size - at)
        part = b""
        with contextlib.suppress(OSError):
            part = os.pread(descriptor, length, at)
        data += part.ljust(length, b"\0")
    return bytes(data)
