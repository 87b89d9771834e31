"""Changing the attributes of a document, and deleting it: decided under its lock, ordered by its record."""

import hashlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from artstore.attributes import FileAttributes, FileId
from artstore.engine.capacity import Room
from artstore.engine.damage import KnownDamage
from artstore.engine.documents import Documents
from artstore.engine.effects import microseconds
from artstore.engine.errors import RevisionMismatch
from artstore.engine.layout import Mode
from artstore.engine.locks import DocumentLocks
from artstore.engine.log.record import Delete, Entry, Lsn, Update
from artstore.engine.modes import Modes

_FIXED = ("file_id", "original_filename", "storage_filename", "storage_path", "file_size", "checksum",
          "created_at", "created_by_id", "created_by_username", "content_encoding", "stored_size",
          "stored_checksum")  # fmt: skip
"""Members that an update cannot change: they describe the bytes, which never change."""

Submit = Callable[[Entry, FileAttributes | None, Callable[[], None], Callable[[], None]], Awaitable[Lsn]]
"""Makes a record with these attributes durable; calls the first function then, the second when it cannot."""


class Changing:
    """Both steps ask the mode twice: before anything is read, and when nothing can come between any more."""

    def __init__(
        self,
        modes: Modes,
        documents: Documents,
        locks: DocumentLocks,
        damage: KnownDamage,
        room: Room,
        submit: Submit,
    ) -> None:
        self._modes = modes
        self._documents = documents
        self._locks = locks
        self._damage = damage
        self._room = room
        self._submit = submit

    async def update(
        self, file_id: FileId, change: Callable[[FileAttributes], FileAttributes], if_revision: str | None
    ) -> FileAttributes:
        """See ``Engine.update``."""
        self._modes.demand("update attributes", Mode.EDIT, Mode.RW)
        async with self._locks.of(file_id):
            written, current = await self._documents.attributes(file_id)
            if if_revision is not None and if_revision != (revision := revision_of(current)):
                raise RevisionMismatch(file_id, if_revision, revision)
            fixed = {name: getattr(current, name) for name in _FIXED}
            changed = change(current).changed(**fixed, updated_at=_after(current.updated_at))
            update = Update(changed.to_bytes(), len(written))
            self._modes.demand("update attributes", Mode.EDIT, Mode.RW)
            promised = self._room.promise(len(update.attributes) - len(written))
            await self._submit(update, changed, promised, promised)
            return changed

    async def delete(self, file_id: FileId, check: Callable[[FileAttributes], None]) -> None:
        """See ``Engine.delete``."""
        self._modes.demand("delete documents", Mode.EDIT)
        async with self._locks.of(file_id):
            written, found = await self._documents.attributes(file_id)
            check(found)
            freed = found.size_on_disk + len(written)
            delete = Delete(file_id, freed, microseconds(datetime.now(UTC)), found.storage_path)
            self._modes.demand("delete documents", Mode.EDIT)
            await self._submit(delete, None, _nothing, _nothing)
            self._damage.forget(file_id)


def revision_of(attributes: FileAttributes) -> str:
    """What changes with every update of a document's attributes."""
    return hashlib.sha256(attributes.to_bytes()).hexdigest()[:32]


def _nothing() -> None:
    pass


def _after(before: datetime) -> datetime:
    """Now, and later than ``before`` also where the clock was set back."""
    return max(datetime.now(UTC), before)
