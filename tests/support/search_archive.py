"""Documents put into the catalog of a real PostgreSQL, and questions to it."""

import itertools
from collections.abc import Iterable
from typing import Any
from uuid import UUID, uuid4

from artstore.kernel.access import Principal
from artstore.query.catalog.catalog import Catalog
from artstore.query.catalog.changes import NOTHING_KNOWN
from artstore.query.catalog.reading import CatalogReader
from artstore.query.search.repository import SearchRepository
from artstore.query.search.service import Question, Search
from artstore.wire.documents import Document, DocumentState, ElementDocument, ElementDocumentPage
from artstore.wire.scopes import ROLE_SCOPES, Role
from tests.support.element_model import document


def principal(account: str, role: Role = Role.USER, *, granted: Iterable[str] = ()) -> Principal:
    return Principal(
        account,
        f"client-{account}",
        account,
        role.value,
        ROLE_SCOPES[role],
        "token",
        readable_owners=frozenset(granted),
    )


class Archive:
    def __init__(self, catalog: Catalog, reader: CatalogReader) -> None:
        self._catalog = catalog
        self.search = Search(reader, SearchRepository())
        self._lsns: dict[str, itertools.count[int]] = {}

    async def store(
        self, name: str, *, owner: str = "owner", file_id: UUID | None = None, **fields: object
    ) -> UUID:
        stored = document(file_id or uuid4(), owner=owner, name=name, **fields)
        await self.take([stored])
        return stored.file_id

    async def take(self, documents: Iterable[Document], *, element_id: str = "rw-01") -> None:
        lsns = self._lsns.setdefault(element_id, itertools.count(1))
        items = [
            ElementDocument(
                lsn=next(lsns), state=DocumentState.ACTIVE, file_id=stored.file_id, document=stored
            )
            for stored in documents
        ]
        if items:
            since = items[0].lsn - 1 if items[0].lsn > 1 else NOTHING_KNOWN
            page = ElementDocumentPage(items=items, last_lsn=items[-1].lsn)
            await self._catalog.take_page(element_id, since, page)

    @staticmethod
    def question(words: str, **more: Any) -> Question:
        return Question(words, **{"limit": 1000, **more})

    async def ask(
        self, words: str, who: Principal | None = None, **more: Any
    ) -> tuple[list[str], str | None]:
        page = await self.search.page(Question(words, **{"limit": 20, **more}), who or principal("owner"))
        return [found.document["original_filename"] for found in page.found], page.next_cursor

    async def names(self, words: str, who: Principal | None = None, **more: Any) -> list[str]:
        return (await self.ask(words, who, limit=1000, **more))[0]
