"""Reading documents, wherever they are just now: in the log, in staging, below ``files/``.

The overlay is asked first, since it knows what the files do not show yet. Between looking and reading, the
files follower may move a document on: its segment is let go, its staging file renamed. Whoever finds
something gone therefore looks again.
"""

import asyncio
import re
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from artstore.attributes import (
    ATTRIBUTE_SUFFIX,
    AttributesError,
    FileAttributes,
    FileId,
    attribute_name,
    folder_of,
    parse,
)
from artstore.engine.adopted import AdoptedList
from artstore.engine.attribute_files import read_and_migrate_if_needed
from artstore.engine.blobs import BlobMissing, Blobs, LocalBlobs
from artstore.engine.errors import Damaged, NotFound
from artstore.engine.log.log import Log
from artstore.engine.log.record import Delete, Lsn, ModeChange, Put
from artstore.engine.log.segment import Released
from artstore.engine.reading import MemorySource, Source
from artstore.engine.unfollowed import Overlay, Unfollowed

Locate = Callable[[FileId], Awaitable[str | None]]
"""The storage path of a document by outside knowledge (the index). None or any exception: not known there."""

_T = TypeVar("_T")
_LOOKS = 20
_REMEMBERED = 1 << 16
_ID_IN_NAME = re.compile(r"_([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})")


class Places:
    """Remembers where the latest documents lie; a wrong memory is found out by whoever looks there.

    For any thread.
    """

    def __init__(self) -> None:
        self._paths: dict[FileId, str] = {}
        self._guard = threading.Lock()

    def get(self, file_id: FileId) -> str | None:
        return self._paths.get(file_id)

    def remember(self, file_id: FileId, storage_path: str) -> None:
        with self._guard:
            self._paths.pop(file_id, None)
            self._paths[file_id] = storage_path
            if len(self._paths) > _REMEMBERED:
                del self._paths[next(iter(self._paths))]

    def forget(self, file_id: FileId) -> None:
        with self._guard:
            self._paths.pop(file_id, None)


class Documents:
    """For the event loop's thread. Raises NotFound, Damaged, OSError."""

    def __init__(
        self,
        log: Log,
        overlay: Overlay,
        blobs: Blobs,
        staging: Path,
        threads: Executor,
        locate: Locate | None,
        adopted: AdoptedList | None = None,
    ) -> None:
        self.places = Places()
        self._log = log
        self._overlay = overlay
        self._blobs = blobs
        self._staging = staging
        self._staged = LocalBlobs(staging)
        self._threads = threads
        self._locate = locate
        self._adopted = adopted

    def followed(self, through: Lsn, file_ids: Sequence[FileId]) -> None:
        """The files show everything up to ``through``, which was of these documents."""
        for file_id in file_ids:
            entry = self._overlay.get(file_id)
            if entry is not None and entry.attributes_lsn is not None:
                self.places.remember(file_id, entry.storage_path)
            else:
                self.places.forget(file_id)
        self._overlay.followed(through, file_ids)

    async def attributes(self, file_id: FileId) -> tuple[bytes, FileAttributes]:
        """As written, and what that says; ``storage_path`` is where the document is, whatever was written."""
        for look in range(_LOOKS):
            entry = self._overlay.get(file_id)
            try:
                if entry is not None:
                    written = self._logged_attributes(file_id, entry)
                    return written, _parsed(file_id, written, entry.storage_path)
                return await self._filed(file_id, self._read_attributes, known=look == 0)
            except (Released, BlobMissing):
                await asyncio.sleep(0)
        raise NotFound(file_id)

    async def open(self, file_id: FileId) -> tuple[FileAttributes, Source]:
        for look in range(_LOOKS):
            entry = self._overlay.get(file_id)
            try:
                if entry is not None:
                    return await self._open_logged(file_id, entry)
                return await self._filed(file_id, self._open_filed, known=look == 0)
            except (Released, BlobMissing):
                await asyncio.sleep(0)
        raise Damaged(f"document {file_id}", "its bytes are not where its attributes say")

    def _logged_attributes(self, file_id: FileId, entry: Unfollowed) -> bytes:
        if entry.attributes_lsn is None:
            raise NotFound(file_id)
        logged = self._log.read(entry.attributes_lsn).entry()
        assert not isinstance(logged, Delete | ModeChange)
        return bytes(logged.attributes)

    async def _open_logged(self, file_id: FileId, entry: Unfollowed) -> tuple[FileAttributes, Source]:
        attributes = _parsed(file_id, self._logged_attributes(file_id, entry), entry.storage_path)
        if entry.content_lsn is None:
            source: Source = await self._run(self._blobs.open, entry.storage_path)
        elif entry.staged is not None:
            source = await self._run(self._open_staged, entry.staged, entry.storage_path)
        else:
            source = MemorySource(self._logged_content(entry.content_lsn))
        return attributes, _checked(attributes, source)

    def _open_staged(self, staged: str, storage_path: str) -> Source:
        """A staging file is moved to its place a flush before the overlay hears of it."""
        try:
            return self._staged.open(staged)
        except BlobMissing:
            return self._blobs.open(storage_path)

    def _logged_content(self, lsn: Lsn) -> bytes:
        logged = self._log.read(lsn).entry()
        assert isinstance(logged, Put)
        assert logged.content is not None
        return bytes(logged.content)

    async def _filed(self, file_id: FileId, read: Callable[[FileId, str], _T], *, known: bool) -> _T:
        """What ``read`` gives for the path of a document that the overlay does not know.

        ``known``: a path that somebody remembers may be used. Raises NotFound, BlobMissing.
        """
        path = await self._known_path(file_id) if known else None
        if path is None:
            path = await self._run(self._find, file_id)
        if path is None:
            if self._overlay.get(file_id) is not None:  # it was stored while we looked
                raise BlobMissing(str(file_id))
            raise NotFound(file_id)
        try:
            found = await self._run(read, file_id, path)
        except BlobMissing:
            self.places.forget(file_id)
            raise
        self.places.remember(file_id, path)
        return found

    async def _known_path(self, file_id: FileId) -> str | None:
        path = self.places.get(file_id)
        if path is None and self._locate is not None:
            try:
                path = await self._locate(file_id)
            except Exception:  # noqa: BLE001 - the index helps, and may be away or wrong
                return None
        return path

    def _find(self, file_id: FileId) -> str | None:
        """The path of a document, found without any index: by the time in its id, or as it was adopted."""
        return self._find_in_hour(file_id) or self._find_adopted(file_id)

    def _find_in_hour(self, file_id: FileId) -> str | None:
        try:
            folder = f"files/{folder_of(file_id)}"
        except ValueError:
            return None
        wanted = str(file_id)
        names = [name for name in self._blobs.names(folder) if name.endswith(ATTRIBUTE_SUFFIX)]
        found = next((name for name in names if wanted in name), None)
        if found is None:
            return None
        # Documents of one hour are asked for together, by whoever checks or exports them while the index is
        # away: what was read for one is remembered for all.
        for name in names[:_REMEMBERED]:
            if ids := _ID_IN_NAME.findall(name):
                self.places.remember(FileId(UUID(ids[-1])), f"{folder}/{name.removesuffix(ATTRIBUTE_SUFFIX)}")
        return f"{folder}/{found.removesuffix(ATTRIBUTE_SUFFIX)}"

    def _find_adopted(self, file_id: FileId) -> str | None:
        for document in self._adopted.find(file_id) if self._adopted is not None else ():
            folder, _, name = document.path.rpartition("/")
            if attribute_name(name) in self._blobs.names(folder):
                return document.path
        return None

    def _read_attributes(self, file_id: FileId, path: str) -> tuple[bytes, FileAttributes]:
        try:
            written, attributes = read_and_migrate_if_needed(self._blobs, path, self._adopted)
        except AttributesError as error:
            raise _damaged_attributes(file_id, error) from error
        if attributes.file_id != file_id:  # somebody remembered wrongly
            raise BlobMissing(path)
        return written, attributes

    def _open_filed(self, file_id: FileId, path: str) -> tuple[FileAttributes, Source]:
        _, attributes = self._read_attributes(file_id, path)
        return attributes, _checked(attributes, self._blobs.open(path))

    async def _run(self, call: Callable[..., _T], *arguments: object) -> _T:
        return await asyncio.wrap_future(self._threads.submit(call, *arguments))


def _parsed(file_id: FileId, written: bytes, path: str) -> FileAttributes:
    try:
        return parse(written, at=path)
    except AttributesError as error:
        raise _damaged_attributes(file_id, error) from error


def _damaged_attributes(file_id: FileId, error: AttributesError) -> Damaged:
    return Damaged(f"document {file_id}", f"its attributes: {error}")


def _checked(attributes: FileAttributes, source: Source) -> Source:
    if source.size != attributes.size_on_disk:
        source.close()
        reason = f"it has {source.size} bytes, not the {attributes.size_on_disk} of its attributes"
        raise Damaged(f"document {attributes.file_id}", reason)
    return source
