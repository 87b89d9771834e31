"""The number of documents in the catalog, as a metric."""

import asyncio
from typing import NoReturn

from artstore.kernel.database import DatabaseDown
from artstore.query import metrics
from artstore.query.catalog.reading import CatalogReader
from artstore.query.catalog.repository import CatalogRepository

COUNT_EVERY_SECONDS = 30.0


async def count_documents(reader: CatalogReader, repository: CatalogRepository) -> NoReturn:
    """Counts for ever, now and then: a million rows take a tenth of a second, too long for a scrape."""
    while True:
        try:
            async with reader.read() as db:
                counts = await repository.document_counts(db)
        except DatabaseDown:  # told by others; the last count stands
            counts = {}
        for element_id, documents in counts.items():
            metrics.CATALOG_DOCUMENTS.labels(element_id).set(documents)
        await asyncio.sleep(COUNT_EVERY_SECONDS)
