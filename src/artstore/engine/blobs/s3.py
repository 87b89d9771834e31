"""Blobs in a bucket of S3, or of what speaks it: the same layout below a prefix.

What S3-compatible stores promise differs, so little is relied on: that a whole object appears or none, and
that what was written can be read at once. A write counts only after its bytes were read back and compared,
whatever checksums the store may offer.

A document that somebody reads is not deleted under him: a mark is left below ``deleting/`` and the object
goes when the last reader has closed, or when the element is opened next. So nothing is left behind after a
crash. What a crash may leave are parts of a multipart upload, which S3 does not list with the objects: let a
lifecycle rule of the bucket abort them.
"""

import os
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO

from artstore.engine.blobs.contract import Abilities, BlobMissing, Entries
from artstore.engine.blobs.s3_objects import Objects, S3Objects
from artstore.engine.blobs.s3_options import S3Options
from artstore.engine.blobs.s3_reader import WINDOW_BYTES, S3Reader
from artstore.engine.durable import remove_behind
from artstore.engine.errors import StoreUnavailable

_AT_ONCE = 8
_LARGE_BYTES = 1 << 20
_LARGE_AT_ONCE = 2
"""Bounds what writing has in memory: the parts of two documents, and one small document for each writer."""
_DELETING = "deleting"


class S3Blobs:
    """See the module. Raises StoreUnavailable for what may pass, StoreRefuses for what people must repair."""

    def __init__(self, options: S3Options, objects: Objects | None = None) -> None:
        """Asks nobody anything: the store need not be there yet."""
        self.abilities = Abilities(
            moves_staged=False,
            flushes=False,
            survives_delete=True,
            writers=_AT_ONCE,
            readers=_AT_ONCE,
            place=options.place,
        )
        self._objects = objects or S3Objects(options)
        self._large = threading.BoundedSemaphore(_LARGE_AT_ONCE)
        self._guard = threading.Lock()
        self._readers: Counter[str] = Counter()
        self._doomed: set[str] = set()
        """What is deleted when its readers have closed."""
        self._sweeper = ThreadPoolExecutor(1, thread_name_prefix="artstore-s3")

    def __repr__(self) -> str:
        return f"S3Blobs({self.abilities.place})"

    def check(self) -> None:
        with suppress(BlobMissing):
            self._objects.get("element.json", 0, 1)

    def put(self, path: str, data: bytes | memoryview) -> None:
        self._objects.put(path, data)
        self._compare(path, 0, data, len(data))

    def put_staged(self, path: str, staged: Path) -> None:
        try:
            file = staged.open("rb")
        except FileNotFoundError:
            self._objects.get(path, 0, 1)  # raises BlobMissing
            return
        with file:
            size = os.fstat(file.fileno()).st_size
            if size > _LARGE_BYTES:
                with self._large:
                    self._put_large(path, file, size)
            else:
                self.put(path, file.read())
        remove_behind(staged)

    def delete(self, path: str) -> bool:
        try:
            self._objects.get(path, 0, 1)
        except BlobMissing:
            return False
        with self._guard:
            is_read = self._readers[path] > 0
            if is_read:
                self._doomed.add(path)
        if is_read:
            self.put(f"{_DELETING}/{path}", path.encode())
            self._sweep(path)  # if the last reader closed meanwhile
        else:
            self._remove(path)
        return True

    def flush(self) -> None:
        """Nothing: what was put is there."""

    def open(self, path: str) -> S3Reader:
        # Counted before it is looked for: a deletion sees the reader, or the reader the deletion.
        with self._guard:
            self._readers[path] += 1
        try:
            return S3Reader(partial(self._objects.get, path), partial(self._closed, path))
        except BaseException:
            self._closed(path)
            raise

    def read(self, path: str, limit: int) -> bytes:
        return self._objects.get(path, 0, limit).data

    def entries(self, folder: str) -> Entries:
        return self._objects.folder(folder)

    def names(self, folder: str) -> list[str]:
        return self.entries(folder).blobs

    def walk(self, folder: str) -> Iterator[tuple[str, int]]:
        return self._objects.below(folder)

    def clean(self, folder: str) -> int:
        marks = [path for path, _ in self.walk(f"{_DELETING}/{folder}")]
        for mark in marks:
            self._remove(mark.removeprefix(f"{_DELETING}/"))
            self._remove(mark)
        return len(marks)

    def close(self) -> None:
        self._sweeper.shutdown(wait=True)

    def _put_large(self, path: str, file: BinaryIO, size: int) -> None:
        self._objects.put_file(path, file, size)
        file.seek(0)
        for start in range(0, size, WINDOW_BYTES):
            self._compare(path, start, file.read(WINDOW_BYTES), size)

    def _compare(self, path: str, start: int, written: bytes | memoryview, size: int) -> None:
        """Reads back a part of a blob that was written with ``size`` bytes."""
        try:
            found = self._objects.get(path, start, len(written))
        except BlobMissing:
            raise StoreUnavailable("what was written is not there when it is read back") from None
        if found.size != size or found.data != written:
            raise StoreUnavailable("what is read back differs from what was written")

    def _remove(self, path: str) -> None:
        with suppress(BlobMissing):
            self._objects.delete(path)

    def _closed(self, path: str) -> None:
        """A reader is done. Does not block."""
        with self._guard:
            self._readers[path] -= 1
            if not self._readers[path]:
                del self._readers[path]
            is_doomed = path in self._doomed
        if is_doomed:
            with suppress(RuntimeError):  # the element is being closed; whoever opens it next cleans
                self._sweeper.submit(self._sweep, path)

    def _sweep(self, path: str) -> None:
        """Deletes what was only waiting for its readers. Where that fails, the mark stays."""
        with self._guard:
            if self._readers[path] or path not in self._doomed:
                return
            self._doomed.discard(path)
        self._remove(path)
        self._remove(f"{_DELETING}/{path}")
