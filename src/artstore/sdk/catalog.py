"""The catalog that searches read, for accounts with ``elements:read`` or ``elements:write``."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol, TypeVar

from artstore.sdk.progress import Progress
from artstore.sdk.transport import Transport
from artstore.wire.catalog import CatalogReport

_ASK_AGAIN_SECONDS = 0.5
T = TypeVar("T")


class AsyncCatalog:
    """``client.catalog`` of an AsyncClient."""

    def __init__(self, transport: Transport, query_url: str) -> None:
        self._transport = transport
        self._url = f"{query_url}/api/v1/catalog"

    async def read(self) -> CatalogReport:
        """What it has of each element, and how far its rebuild is."""
        return await self._transport.get(self._url, CatalogReport)

    async def rebuild(self, *, wait: bool = True, progress: Progress | None = None) -> CatalogReport:
        """Has it made anew from the elements, while searches go on; joins a rebuild that is under way.

        Returns when it is through, or with ``wait=False`` when it has begun. It goes on when waiting for it
        is given up. ``progress`` is told documents.
        """
        report = await self._transport.post(f"{self._url}/rebuild", None, CatalogReport)
        while wait and report.rebuild is not None and report.rebuild.finished_at is None:
            if progress is not None:
                progress(report.rebuild.documents, report.rebuild.expected)
            await asyncio.sleep(_ASK_AGAIN_SECONDS)
            report = await self.read()
        if wait and progress is not None and report.rebuild is not None:
            progress(report.rebuild.documents, report.rebuild.expected)
        return report


class _Run(Protocol):
    def __call__(self, call: Callable[[], Awaitable[T]], /) -> T: ...


class Catalog:
    """``client.catalog`` of a Client: the same methods."""

    def __init__(self, catalog: AsyncCatalog, run: _Run) -> None:
        self._catalog = catalog
        self._run = run

    def read(self) -> CatalogReport:
        """What it has of each element, and how far its rebuild is."""
        return self._run(self._catalog.read)

    def rebuild(self, *, wait: bool = True, progress: Progress | None = None) -> CatalogReport:
        """Has it made anew from the elements, while searches go on; joins a rebuild that is under way.

        Returns when it is through, or with ``wait=False`` when it has begun.
        """
        return self._run(partial(self._catalog.rebuild, wait=wait, progress=progress))
