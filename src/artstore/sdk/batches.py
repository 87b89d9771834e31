"""Batches: documents that are stored together or not at all."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from typing import Any
from urllib.parse import quote

from artstore.attributes import RetentionPolicy
from artstore.sdk.transport import Transport
from artstore.wire.batches import MAX_LIMIT, Batch, BatchPage, Commit, NewBatch
from artstore.wire.documents import Document


class AsyncBatches:
    """``client.batches`` of an AsyncClient. ``upload`` takes the id of a batch as ``batch``."""

    def __init__(self, transport: Transport, ingester_url: str) -> None:
        self._transport = transport
        self._url = f"{ingester_url}/api/v1/batches"

    async def open(
        self,
        *,
        retention_policy: RetentionPolicy = RetentionPolicy.PERMANENT,
        expected_bytes: int | None = None,
    ) -> Batch:
        """A new one, whose documents all have this retention policy. ``expected_bytes``: about how much is to
        come, so that an element with room for it is chosen. Raises NoRoom, TooManyRequests.
        """
        new = NewBatch(retention_policy=retention_policy, expected_bytes=max(1, expected_bytes or 1))
        return await self._transport.post(self._url, new, Batch)

    async def read(self, batch_id: str) -> Batch:
        """How it stands. Raises NotFound."""
        return await self._transport.get(self._of(batch_id), Batch)

    async def pages(self, batch_id: str) -> AsyncIterator[list[Document]]:
        """Its documents as they came into it, in lists as they come from the service. Raises NotFound."""
        params: dict[str, str | int] = {"limit": MAX_LIMIT}
        while True:
            page = await self._transport.get(f"{self._of(batch_id)}/documents", BatchPage, params)
            yield page.items
            if page.next_cursor is None:
                return
            params["cursor"] = page.next_cursor

    async def commit(self, batch_id: str, *, documents: int | None = None) -> Batch:
        """Stores all its documents, or none; ``documents``: how many there must be. May be repeated.

        Raises NotFound, and Conflict where there is another number of documents.
        """
        return await self._transport.repeat(
            f"{self._of(batch_id)}/commit", Commit(documents=documents), Batch
        )

    async def abort(self, batch_id: str) -> None:
        """Gives it up, with its documents. Raises NotFound, and Conflict for one that was committed."""
        await self._transport.remove(self._of(batch_id))

    def _of(self, batch_id: str) -> str:
        return f"{self._url}/{quote(batch_id, safe='', errors='replace')}"


class Batches:
    """``client.batches`` of a Client: the same methods."""

    def __init__(
        self,
        batches: AsyncBatches,
        run: Callable[[Callable[[], Awaitable[Any]]], Any],
        iterate: Callable[[AsyncIterator[Any]], Iterator[Any]],
    ) -> None:
        self._batches = batches
        self._run = run
        self._iterate = iterate

    def open(
        self,
        *,
        retention_policy: RetentionPolicy = RetentionPolicy.PERMANENT,
        expected_bytes: int | None = None,
    ) -> Batch:
        """A new one, whose documents all have this retention policy. ``expected_bytes``: about how much is to
        come, so that an element with room for it is chosen. Raises NoRoom, TooManyRequests.
        """
        call = partial(self._batches.open, retention_policy=retention_policy, expected_bytes=expected_bytes)
        opened: Batch = self._run(call)
        return opened

    def read(self, batch_id: str) -> Batch:
        """How it stands. Raises NotFound."""
        found: Batch = self._run(partial(self._batches.read, batch_id))
        return found

    def pages(self, batch_id: str) -> Iterator[list[Document]]:
        """Its documents as they came into it, in lists as they come from the service. Raises NotFound."""
        return self._iterate(self._batches.pages(batch_id))

    def commit(self, batch_id: str, *, documents: int | None = None) -> Batch:
        """Stores all its documents, or none; ``documents``: how many there must be. May be repeated.

        Raises NotFound, and Conflict where there is another number of documents.
        """
        committed: Batch = self._run(partial(self._batches.commit, batch_id, documents=documents))
        return committed

    def abort(self, batch_id: str) -> None:
        """Gives it up, with its documents. Raises NotFound, and Conflict for one that was committed."""
        self._run(partial(self._batches.abort, batch_id))
