"""Documents become durable: one by one, into a batch, or a whole batch in one step."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext

from artstore.attributes import FileAttributes, FileId
from artstore.engine.adopted import AdoptedList
from artstore.engine.batches import Batch, Batches
from artstore.engine.documents import Documents
from artstore.engine.draft import Given
from artstore.engine.errors import AlreadyStored, NotFound
from artstore.engine.gathering import Gathering
from artstore.engine.given_ids import GivenIds
from artstore.engine.layout import Mode
from artstore.engine.locks import DocumentLocks
from artstore.engine.log.record import Lsn, Put
from artstore.engine.modes import Modes
from artstore.engine.upload import Upload

Submit = Callable[[Put, FileAttributes, Callable[[], None], Callable[[], None]], Awaitable[Lsn]]
"""Makes a record with these attributes durable; calls the first function then, the second when it cannot."""
SubmitAll = Callable[[Sequence[tuple[Put, FileAttributes]], Callable[[Lsn], None]], Awaitable[None]]
"""All records in one step, or none; calls the function in that step, with the last LSN."""


class Committing:
    """No id ever names two documents, whether they are stored or wait in a batch."""

    def __init__(
        self,
        modes: Modes,
        documents: Documents,
        locks: DocumentLocks,
        given_ids: GivenIds,
        adopted: AdoptedList | None,
        gathering: Gathering,
        batches: Callable[[], Batches],
        submit: Submit,
        submit_all: SubmitAll,
    ) -> None:
        self._modes = modes
        self._documents = documents
        self._locks = locks
        self._given_ids = given_ids
        self._adopted = adopted
        self._gathering = gathering
        self._batches = batches
        self._submit = submit
        self._submit_all = submit_all

    async def one(self, put: Put, attributes: FileAttributes, upload: Upload, given: Given) -> None:
        """See ``upload.Commit``."""
        self._gathering.forget(upload)
        # The lock: the same upload may be under way twice, and one of the two has to see the other.
        async with self._lock(attributes, given):
            try:
                await self._demand_new(attributes, None, given)
                self._modes.demand("store documents", Mode.EDIT, Mode.RW)
            except BaseException:
                upload.refused()
                raise
            await self._submit(put, attributes, upload.committed, upload.refused)

    async def into(
        self, batch: Batch, put: Put, attributes: FileAttributes, upload: Upload, given: Given
    ) -> None:
        """The same, where the document is to be stored with the others of a batch."""
        async with self._lock(attributes, given):
            try:
                await self._demand_new(attributes, batch, given)
                self._modes.demand("store documents", Mode.EDIT, Mode.RW)
            except BaseException:
                upload.refused()
                raise
            await batch.add(put, attributes, upload)

    async def all(self, entries: Sequence[tuple[Put, FileAttributes]], stored: Callable[[Lsn], None]) -> None:
        """Documents of a batch: since their ids wait there, no other document gets one of them meanwhile."""
        self._modes.demand("store documents", Mode.EDIT, Mode.RW)
        await self._submit_all(entries, stored)

    def _lock(self, attributes: FileAttributes, given: Given) -> AbstractAsyncContextManager[None]:
        return nullcontext() if given is Given.HERE else self._locks.of(FileId(attributes.file_id))

    async def _demand_new(self, attributes: FileAttributes, batch: Batch | None, given: Given) -> None:
        """Raises AlreadyStored, with what was stored where that is what the caller wants: by itself, or in
        this batch. Raises Damaged where there is a document that cannot be read.
        """
        if given is Given.HERE:
            return
        file_id = FileId(attributes.file_id)
        if batch is not None and (waiting := await batch.attributes(file_id)) is not None:
            raise AlreadyStored(file_id, waiting, attributes.checksum)
        if self._batches().hold(file_id):
            raise AlreadyStored(file_id, None, attributes.checksum)
        known = self._given_ids.may_be_stored(file_id)
        if known is False and (self._adopted is None or not self._adopted.find(file_id)):
            return
        try:
            stored = (await self._documents.attributes(file_id))[1]
        except NotFound:
            if known is None or given is Given.ELSEWHERE:
                return
            raise AlreadyStored(file_id, None, attributes.checksum) from None
        raise AlreadyStored(file_id, stored if batch is None else None, attributes.checksum)
