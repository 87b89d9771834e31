"""One walk over an element: what is at rest first, then folder by folder, then the index."""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from artstore.attributes import ATTRIBUTE_SUFFIX, FileId, attribute_name
from artstore.engine.blobs import BlobMissing
from artstore.engine.blobs.contract import Entries
from artstore.engine.description import ROOT, Mode
from artstore.engine.errors import Closed, Damaged, NotFound, StoreUnavailable
from artstore.engine.scrub.calls import Calls
from artstore.engine.scrub.checking import DocumentCheck
from artstore.engine.scrub.findings import ScrubFinding
from artstore.engine.scrub.journal import FolderRecord, Journal, Within
from artstore.engine.scrub.judging import Judge
from artstore.engine.scrub.limiter import Stopped
from artstore.engine.scrub.parts import IndexRows, Parts
from artstore.engine.scrub.resting import RestingCheck
from artstore.engine.verify.rules import Rule

_AT_ONCE_SECONDS = 1.0
"""After so long a thread tells how far it came."""
_LOOK_AGAIN_SECONDS = 1.0


class Walk:
    """Goes on where the journal says. ``run`` raises Stopped, Closed, DiskFull, OSError."""

    def __init__(
        self,
        parts: Parts,
        journal: Journal,
        calls: Calls,
        resting: RestingCheck,
        check: DocumentCheck,
        judge: Judge,
        index: IndexRows | None,
        note_seconds: float,
    ) -> None:
        self._parts = parts
        self._journal = journal
        self._call = calls.call
        self._settled = calls.settled
        self._resting = resting
        self._check = check
        self._judge = judge
        self._index = index
        self._note_seconds = note_seconds
        self.folder: str | None = None
        """That is being read."""
        self._flushed_at = time.monotonic()
        self._pending: tuple[float, frozenset[str]] = (float("-inf"), frozenset())
        self._unsure = 0

    async def run(self) -> None:
        await self._check_resting()
        async for folder, at, entries in self._folders():
            if folder not in self._journal.done:
                self.folder = folder
                await self._scrub_folder(folder, at, entries)
        self.folder = None
        if self._index is not None:
            await self._check_index(self._index)
        await self._forget_gone()
        self._journal.end(_now(), self._unsure)
        await self._call(self._journal.rewrite)

    async def _check_resting(self) -> None:
        description = self._parts.description()
        problems = await self._call(lambda: list(self._resting.problems(description)))
        if problems:  # what was being replaced just then is right the second time
            again = await self._call(lambda: set(self._resting.problems(self._parts.description())))
            for problem in problems:
                if problem in again:
                    await self._judge.of_resting(*problem)
        self._check.origins = await self._call(self._resting.origins, description)

    async def _folders(self) -> AsyncIterator[tuple[str, datetime, Entries]]:
        """Every folder with documents, when it was listed, and what it holds."""
        waiting = sorted(self._parts.layout.folders, reverse=True)
        while waiting:
            folder, at = waiting.pop(), _now()
            entries = await self._entries(folder)
            waiting.extend(f"{folder}/{name}" for name in sorted(entries.folders, reverse=True))
            yield folder, at, entries

    async def _entries(self, folder: str) -> Entries:
        if folder != ROOT:
            return await self._call(self._parts.blobs.entries, folder)
        entries = await self._call(self._parts.blobs.entries, "")
        own = self._parts.layout.own_files
        return Entries([], [name for name in entries.blobs if name not in own])

    async def _scrub_folder(self, folder: str, at: datetime, entries: Entries) -> None:
        if folder in self._pending_folders():
            if not await self._settled():
                self._unsure += 1
                return
            at, entries = _now(), await self._entries(folder)
        attributes = [name for name in entries.blobs if name.endswith(ATTRIBUTE_SUFFIX)]
        stored = sorted(name.removesuffix(ATTRIBUTE_SUFFIX) for name in attributes)
        before = self._journal.within
        begun = before if before and before.folder == folder else Within(folder, at, "", 0, 0)
        reached, bad = await self._read(begun, [name for name in stored if name > begun.after])
        orphans = sorted(set(entries.blobs).difference(attributes, stored))
        if (bad or orphans) and not await self._settled():
            self._unsure += 1
            return
        offline = self._parts.description().mode is Mode.AR
        unsound = [path for path in bad if not await self._judge.of_document(path, offline=offline)]
        await self._judge_orphans(folder, orphans)
        earlier = self._journal.folders.get(folder)
        last_sound = {name: _last_sound(earlier, name) for name in map(_name, unsound)}
        record = FolderRecord(begun.at, last_sound)
        self._journal.folder_done(folder, record, reached.documents, reached.bytes)
        await self._flush_if_due()

    async def _read(self, begun: Within, names: list[str]) -> tuple[Within, list[str]]:
        """Reads the documents of a folder; how far that came, and the paths of those that are not right."""
        reached, bad = begun, list[str]()
        while names:
            offline = self._parts.description().mode is Mode.AR
            paths = [_join(begun.folder, name) for name in names]
            read = await self._call(self._check.check_some, paths, offline, _AT_ONCE_SECONDS)
            bad += read.bad
            for file_id in read.sound_again:
                self._parts.damage.forget(file_id)
            reached = reached.beyond(names[read.count - 1], read.count, read.bytes)
            names = names[read.count :]
            if names and not bad:  # what was found is judged with its whole folder
                self._journal.reached(reached)
            await self._flush_if_due()
        return reached, bad

    async def _judge_orphans(self, folder: str, names: list[str]) -> None:
        there = set((await self._entries(folder)).blobs) if names else set[str]()
        for name in names:
            if name in there and attribute_name(name) not in there:
                # Desktops leave hidden files behind; no document that ArtStore stored is one.
                rule = Rule.O005 if name.startswith(".") else Rule.O001
                await self._judge.of_orphan(rule, _join(folder, name))

    async def _check_index(self, index: IndexRows) -> None:
        try:
            async for file_id, path in index.rows():
                if not await self._is_known(file_id, path):
                    await self._settled()
                    if await index.has(file_id) and not await self._is_known(file_id, path):
                        self._judge.tell(ScrubFinding.of_index_row(path, str(file_id)))
        except (Stopped, Closed, StoreUnavailable):
            raise
        except Exception:  # noqa: BLE001 - the index may be away or being rebuilt; the next pass looks again
            self._unsure += 1

    async def _is_known(self, file_id: FileId, path: str) -> bool:
        """Whether the element has attributes of a document, or at least its bytes, which is told already."""
        # Stored names carry the id; the contents of attributes at this place were checked with their folder.
        if str(file_id) in path and await self._call(self._has, attribute_name(path)):
            return True
        try:
            await self._parts.attributes(file_id)
        except NotFound:
            return await self._call(self._has, path)
        except Damaged:
            return True
        return True

    async def _forget_gone(self) -> None:
        """Damaged documents that were removed are none any more."""
        for file_id in self._parts.damage:
            try:
                await self._parts.attributes(file_id)
            except NotFound:
                self._parts.damage.forget(file_id)
            except Damaged:
                continue

    def _has(self, path: str) -> bool:
        self._check.account_for_opening()
        try:
            self._parts.blobs.open(path).close()
        except BlobMissing:
            return False
        return True

    def _pending_folders(self) -> frozenset[str]:
        """Folders of what the log knows and the files do not show yet."""
        looked_at, folders = self._pending
        if time.monotonic() - looked_at > _LOOK_AGAIN_SECONDS:
            paths = (entry.storage_path for _, entry in self._parts.overlay.items())
            folders = frozenset(path.rpartition("/")[0] or ROOT for path in paths)
            self._pending = time.monotonic(), folders
        return folders

    async def _flush_if_due(self) -> None:
        if time.monotonic() - self._flushed_at > self._note_seconds:
            await self._call(self._journal.flush)
            self._flushed_at = time.monotonic()


def _last_sound(earlier: FolderRecord | None, name: str) -> datetime | None:
    """When a document of a folder was last found right by an earlier pass."""
    if earlier is None:
        return None
    return earlier.unsound.get(name, earlier.at)


def _join(folder: str, name: str) -> str:
    return name if folder == ROOT else f"{folder}/{name}"


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
