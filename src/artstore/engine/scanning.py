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
from artstore.engine.walking import attribute_files

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
            taken = await self._run(_take, paths, count)
            if not taken:
                return
            for found in await self._read_all(taken):
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
        for path in attribute_files(self._layout, self._blobs, after):
            while waiting is not None and _key(waiting) < _key(path):
                yield waiting
                waiting = next(pending, None)
            if waiting == path:
                waiting = next(pending, None)
            yield path
        if waiting is not None:
            yield waiting
            yield from pending

    async def _read_all(self, paths: list[str]) -> list[FileAttributes | FileId]:
        """In their order, by as many threads as the storage gains by."""
        share = -(-len(paths) // self._blobs.abilities.readers)
        shares = [paths[start : start + share] for start in range(0, len(paths), share)]
        return [found for part in await asyncio.gather(*map(self._read_share, shares)) for found in part]

    async def _read_share(self, paths: list[str]) -> list[FileAttributes | FileId]:
        return await self._run(self._read_batch, paths)

    def _read_batch(self, paths: list[str]) -> list[FileAttributes | FileId]:
        """Attributes from the files; the id alone of what the overlay must be asked for."""
        found: list[FileAttributes | FileId] = []
        for path in paths:
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
        return found

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


def _take(paths: Iterator[str], count: int) -> list[str]:
    return list(islice(paths, count))


def _key(storage_path: str) -> list[str]:
    """The order in which ``attribute_files`` walks."""
    return attribute_name(storage_path).split("/")
