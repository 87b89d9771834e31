"""All resumable uploads of an element."""

import hashlib
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from artstore.attributes import FileAttributes, FileId, new_file_id
from artstore.engine.body_memory import BodyMemory
from artstore.engine.capacity import Reservation, Room
from artstore.engine.coding import CodingFigures
from artstore.engine.draft import Draft
from artstore.engine.errors import (
    EngineError,
    PartsUnfit,
    TooLarge,
    TooManyUploads,
    UploadBusy,
    UploadUnknown,
)
from artstore.engine.options import EngineOptions
from artstore.engine.resumable.state import MAX_PARTS, ResumableState, Survivor
from artstore.engine.resumable.upload import ResumableUpload, Surroundings
from artstore.engine.upload import Commit, Upload

_MOST_COMPLETE = 5000
"""Complete uploads that are remembered, for clients that lost the last answer; the oldest go first."""
_LONGEST_CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
"""The longest that is found out from the first bytes."""


@dataclass(frozen=True, slots=True)
class ResumableFigures:
    """How things stand."""

    unfinished: int
    staged_bytes: int


class ResumableUploads:
    """For the event loop's thread."""

    def __init__(
        self,
        options: EngineOptions,
        staging: Path,
        threads: Executor,
        room: Room,
        memory: BodyMemory,
        *,
        commit: Callable[[str], Commit],
        figures: CodingFigures,
        attributes: Callable[[FileId], Awaitable[FileAttributes]],
        demand_open: Callable[[], None],
        survivors: Iterable[Survivor] = (),
    ) -> None:
        """``commit``, ``attributes`` and ``demand_open``: see ``Surroundings``."""
        self._options = options
        self._room = room
        self._around = Surroundings(
            options,
            staging,
            threads,
            memory,
            commit,
            figures,
            attributes,
            demand_open,
            self._begin_copy,
            self.get,
            self._forget,
        )
        self._uploads: dict[str, ResumableUpload] = {}
        self._of_owner: dict[str, set[str]] = {}
        for found in sorted(survivors, key=lambda found: found.written_at):
            self._take_up(found)

    def get(self, upload_id: str) -> ResumableUpload:
        """Raises UploadUnknown."""
        upload = self._uploads.get(upload_id)
        if upload is None or upload.expires_at <= time.time():
            raise UploadUnknown
        return upload

    async def create(
        self, *, owner_id: str, draft: Draft | None, length: int | None, told: str = "", batch_id: str = ""
    ) -> ResumableUpload:
        """A new upload, durable on return, with its room reserved; partial where there is no draft.

        Raises AttributesError for a draft that cannot be stored, TooManyUploads, TooLarge, NoRoom,
        ModeForbids, LogFull, DiskFull, OSError.
        """
        if length is not None and length > self._options.max_file_bytes:
            raise TooLarge(self._options.max_file_bytes)
        state = ResumableState(
            upload_id=secrets.token_hex(16),
            owner_id=owner_id,
            draft=None if draft is None else _with_id(draft),
            length=length,
            told=told,
            batch_id=batch_id,
        )
        return await self._create(state)

    async def put_together(
        self,
        parts: Sequence[ResumableUpload],
        *,
        owner_id: str,
        draft: Draft,
        told: str = "",
        batch_id: str = "",
    ) -> ResumableUpload:
        """The upload that these partial ones are the whole of; ``complete`` makes the document of it.

        Asked again with the same it is the same one, also when the parts are gone since. So ``parts`` may be
        looked for with ``whole_of`` before. Raises PartsUnfit, and what ``create`` raises.
        """
        if not 0 < len(parts) <= MAX_PARTS:
            raise PartsUnfit(f"there must be from 1 to {MAX_PARTS}")
        length = 0
        for part in parts:
            if part.state.draft is not None:
                raise PartsUnfit("one of them was not begun as a partial one")
            if part.state.length is None or part.staged_bytes < part.state.length:
                raise PartsUnfit("one of them has not all its bytes yet")
            length += part.state.length
        if length == 0:
            raise PartsUnfit("together they have no bytes")
        if length > self._options.max_file_bytes:
            raise TooLarge(self._options.max_file_bytes)
        ids = tuple(part.id for part in parts)
        state = ResumableState(
            upload_id=_id_of_whole(owner_id, ids, told),
            owner_id=owner_id,
            draft=_with_id(draft),
            length=length,
            told=told,
            parts=ids,
            batch_id=batch_id,
        )
        return await self._create(state)

    def whole_of(self, part_ids: Iterable[str], *, owner_id: str, told: str = "") -> ResumableUpload | None:
        """What ``put_together`` has made of these."""
        with suppress(UploadUnknown):
            return self.get(_id_of_whole(owner_id, tuple(part_ids), told))
        return None

    async def expire(self) -> int:
        """Removes what has expired, and of what is complete more than is remembered. Returns how many.

        Before, it finds out which have become documents without their states telling, as after a crash. What
        fails is left for the next time, and raised when the others are done.
        """
        now = time.time()
        complete = sorted(
            (each for each in self._uploads.values() if each.state.complete),
            key=lambda upload: upload.written_at,
        )
        too_many = {each.id for each in complete[: max(0, len(complete) - _MOST_COMPLETE)]}
        removed, failures = 0, list[Exception]()
        for upload in list(self._uploads.values()):
            is_over = upload.expires_at <= now or upload.id in too_many
            if upload.is_held or not (is_over or upload.is_in_doubt):
                continue  # one that is held goes on this moment
            try:
                removed += await self._expire(upload, is_over=is_over)
            except UploadBusy:
                continue
            except (EngineError, OSError) as error:
                failures.append(error)
        if failures:
            raise failures[0]
        return removed

    async def _expire(self, upload: ResumableUpload, *, is_over: bool) -> bool:
        """Whether it was unfinished and is removed."""
        try:
            async with upload.hold():
                if not is_over:
                    try:
                        await upload.settle()
                    except UploadUnknown:  # its document was deleted: nobody needs its state
                        await upload.remove()
                    return False
                await upload.remove()
        except UploadUnknown:  # somebody removed it meanwhile
            return False
        return not upload.state.complete

    def figures(self) -> ResumableFigures:
        unfinished = [upload for upload in self._uploads.values() if not upload.state.complete]
        return ResumableFigures(len(unfinished), sum(upload.staged_bytes for upload in unfinished))

    async def close(self) -> None:
        for upload in list(self._uploads.values()):
            await upload.close()

    def _take_up(self, found: Survivor) -> None:
        """One of before a restart. Its room was promised then, and is needed unless it was committed."""
        state = found.state.changed(complete=True) if found.committed else found.state
        is_over = state.complete or found.offset is None
        size = 0 if is_over else found.offset or 0
        reservation = Reservation(self._room, max(state.length or 0, size), staged_bytes=size)
        if is_over:
            reservation.end()
        self._remember(ResumableUpload(self._around, state, reservation, found))

    def _begin_copy(self, batch_id: str, size: int) -> Upload:
        around = self._around
        commit = around.commit(batch_id)  # first: where it raises, no room is promised
        return Upload(
            replace(around.options, inline_limit=0),
            around.staging,
            around.threads,
            Reservation(self._room, size),
            around.memory,
            commit,
            around.figures,
        )

    async def _create(self, state: ResumableState) -> ResumableUpload:
        known = self._uploads.get(state.upload_id)
        if known is not None:
            return known
        self._around.demand_open()
        if state.draft is not None:
            _check(state.draft)
        self._demand_few(state.owner_id)
        upload = ResumableUpload(self._around, state, Reservation(self._room, state.length))
        self._remember(upload)
        async with upload.hold():
            try:
                await upload.create()
            except BaseException:
                try:
                    await upload.remove()
                finally:
                    self._forget(upload)
                raise
        return upload

    def _demand_few(self, owner_id: str) -> None:
        ids = self._of_owner.get(owner_id, set())
        if len(ids) < self._options.resumable_uploads:
            return
        ids = {each for each in ids if each in self._uploads and not self._uploads[each].state.complete}
        self._of_owner[owner_id] = ids
        if len(ids) >= self._options.resumable_uploads:
            raise TooManyUploads(self._options.resumable_uploads)

    def _remember(self, upload: ResumableUpload) -> None:
        self._uploads[upload.id] = upload
        self._of_owner.setdefault(upload.state.owner_id, set()).add(upload.id)

    def _forget(self, upload: ResumableUpload) -> None:
        self._uploads.pop(upload.id, None)
        ids = self._of_owner.get(upload.state.owner_id, set())
        ids.discard(upload.id)
        if not ids:
            self._of_owner.pop(upload.state.owner_id, None)


def _with_id(draft: Draft) -> Draft:
    return replace(draft, file_id=new_file_id(datetime.now(UTC)))


def _check(draft: Draft) -> None:
    """Raises AttributesError for what could not be stored once all bytes are there."""
    longest = replace(draft, content_type=draft.content_type or _LONGEST_CONTENT_TYPE)
    longest.attributes(b"", 1 << 62, "0" * 64).to_bytes()


def _id_of_whole(owner_id: str, part_ids: tuple[str, ...], told: str) -> str:
    """As hard to guess as the ids of the parts."""
    return hashlib.sha256("\n".join((owner_id, told, *part_ids)).encode()).hexdigest()[:32]
