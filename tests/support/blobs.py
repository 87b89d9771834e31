"""Faults of a storage, let in through its interface."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from artstore.engine.blobs import Abilities, BlobReader, Blobs, Entries

Change = Callable[[bytes], bytes]


def _unchanged(data: bytes) -> bytes:
    return data


class FaultyBlobs:
    """A storage that does what it is told to do wrong, for a while.

    ``fail(call, error, on=n)`` makes the n-th call of that name from now on raise, and ``after`` lets it do
    its work before; ``always`` makes it fail until ``heal``. ``calls`` is what was asked of it, in order.
    """

    def __init__(self, blobs: Blobs) -> None:
        self.calls: list[tuple[str, str]] = []
        self._blobs = blobs
        self._faults: dict[str, _Fault] = {}
        self._guard = threading.Lock()
        self._changed_read: Change = _unchanged
        self._changed_piece: Change = _unchanged

    def fail(
        self, call: str, error: Exception, *, on: int = 1, after: bool = False, always: bool = False
    ) -> None:
        self._faults[call] = _Fault(error, on, after, always)

    def change_reads(self, change: Change) -> None:
        """What ``read`` gives is changed."""
        self._changed_read = change

    def change_pieces(self, change: Change) -> None:
        """What the readers of opened blobs give is changed."""
        self._changed_piece = change

    def heal(self) -> None:
        self._faults.clear()
        self._changed_read = self._changed_piece = _unchanged

    @property
    def abilities(self) -> Abilities:
        return self._blobs.abilities

    def check(self) -> None:
        self._do("check", "")

    def put(self, path: str, data: bytes | memoryview) -> None:
        self._do("put", path, data)

    def put_staged(self, path: str, staged: Path) -> None:
        self._do("put_staged", path, staged)

    def delete(self, path: str) -> bool:
        return bool(self._do("delete", path))

    def flush(self) -> None:
        self._do("flush", "")

    def open(self, path: str) -> BlobReader:
        return _ChangedReader(self._do("open", path), self._changed_piece)

    def read(self, path: str, limit: int) -> bytes:
        return self._changed_read(self._do("read", path, limit))

    def entries(self, folder: str) -> Entries:
        entries: Entries = self._do("entries", folder)
        return entries

    def names(self, folder: str) -> list[str]:
        names: list[str] = self._do("names", folder)
        return names

    def walk(self, folder: str) -> Iterator[tuple[str, int]]:
        found: Iterator[tuple[str, int]] = self._do("walk", folder)
        return found

    def clean(self, folder: str) -> int:
        return int(self._do("clean", folder))

    def close(self) -> None:
        self._blobs.close()

    def _do(self, call: str, path: str, *arguments: Any) -> Any:
        with self._guard:
            self.calls.append((call, path))
            fault = self._faults.get(call)
            strikes = fault is not None and fault.strikes()
        if fault is not None and strikes and not fault.after:
            raise fault.error
        done = getattr(self._blobs, call)(*([path] if path else []), *arguments)
        if fault is not None and strikes:
            raise fault.error
        return done


class _Fault:
    def __init__(self, error: Exception, on: int, after: bool, always: bool) -> None:
        self.error = error
        self.after = after
        self._left = on
        self._always = always

    def strikes(self) -> bool:
        self._left -= 1
        return self._always or self._left == 0


class _ChangedReader:
    """Without a descriptor, by which one would get round the change."""

    in_memory = False

    def __init__(self, reader: BlobReader, change: Change) -> None:
        self.size = reader.size
        self._reader = reader
        self._change = change

    def read_at(self, offset: int, length: int) -> bytes:
        return self._change(self._reader.read_at(offset, length))

    def descriptor(self) -> int | None:
        return None

    def close(self) -> None:
        self._reader.close()
