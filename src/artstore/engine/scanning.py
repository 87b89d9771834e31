"""Walking over all documents of an element while it serves."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Executor
from itertools import islice
from typing import TypeVar

from artstore.attributes import AttributesError, FileAttributes, FileId, attribute_name
from artstore.engine.adopted import AdoptedList
from artstore.engine.attribute_files import read_and_migrate_if_needed
from artstore.engine.blobs import BlobMissing, Blobs
from artstore.engine.documents import Documents
from artstore.engine.errors import Damaged, NotFound
from artstore.engine.layout import Layout
from artstore.engine.unfollowed import Overlay

_T = TypeVar("_T")
_AT_ONCE = 256


class Scan:
    """One walk, in the order of the storage paths' parts.

    Every document that is there from the beginning to the end is given once; one that is stored, changed or
    deleted meanwhile may be given or not, in a state that it had. Damaged attributes are told to ``damaged``
    and left out, for one bad document must not hide the others.
    """

    def __init__(
        self,
        layout: Layout,
        blobs: Blobs,
        overlay: Overlay,
        documents: Documents,
        threads: Executor,
        damaged: Callable[[Damaged], None],
        adopted: AdoptedList | None = None,
    ) -> None:
        self._layout = layout
        self._blobs = blobs
        self._documents = documents
        self._threads = threads
        self._damaged = damaged
        self._adopted = adopted
        # Taken before any folder is read: what leaves the overlay later is found by the walk or was given.
        self._unfollowed = {entry.storage_path: file_id for file_id, entry in overlay.items()}

    async def run(self, after: str | None, limit: int | None) -> AsyncIterator[FileAttributes]:
        given = 0
        paths = self._paths(after)
        while limit is None or given < limit:
            count = _AT_ONCE if limit is None else min(_AT_ONCE, limit - given)
            batch = await self._run(self._read_batch, paths, count)
            if batch is None:
                return
            for found in batch:
                attributes = found if isinstance(found, FileAttributes) else await self._look(found)
                if attributes is not None:
                    given += 1
                    yield attributes

    def _paths(self, after: str | None) -> Iterator[str]:
        """Of the files and of what the overlay holds, merged, each once."""
        pending = iter(
            sorted((p for p in self._unfollowed if after is None or _key(p) > _key(after)), key=_key)
        )
        waiting = next(pending, None)
        for path in self._layout.attribute_files(after):
            while waiting is not None and _key(waiting) < _key(path):
                yield waiting
                waiting = next(pending, None)
            if waiting == path:
                waiting = next(pending, None)
            yield path
        if waiting is not None:
            yield waiting
            yield from pending

    def _read_batch(self, paths: Iterator[str], count: int) -> list[FileAttributes | FileId] | None:
        """Attributes from the files; the id alone of what the overlay must be asked for; None at the end."""
        found: list[FileAttributes | FileId] = []
        taken = list(islice(paths, count))
        for path in taken:
            file_id = self._unfollowed.get(path)
            if file_id is not None:
                found.append(file_id)
                continue
            try:
                found.append(read_and_migrate_if_needed(self._blobs, path, self._adopted)[1])
            except BlobMissing:
                continue  # deleted meanwhile
            except AttributesError as error:
                self._damaged(Damaged(attribute_name(path), str(error)))
        return found if taken else None

    async def _look(self, file_id: FileId) -> FileAttributes | None:
        try:
            return (await self._documents.attributes(file_id))[1]
        except NotFound:
            return None
        except Damaged as error:
            self._damaged(error)
            return None

    async def _run(self, call: Callable[..., _T], *arguments: object) -> _T:
        return await asyncio.wrap_future(self._threads.submit(call, *arguments))


def _key(storage_path: str) -> list[str]:
    """The order in which ``Layout.attribute_files`` walks."""
    return attribute_name(storage_path).split("/")
