"""What is said of a document that no element that answers has, while one of them is away."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from artstore.attributes.ids import new_file_id
from artstore.kernel.access import Principal
from artstore.kernel.database import DatabaseDown
from artstore.kernel.problems import Problem
from artstore.query.files.cache import DocumentCache
from artstore.query.files.locate import Locator, Whereabouts
from artstore.wire.elements import ElementHealth
from artstore.wire.problems import ProblemType
from artstore.wire.scopes import Scope
from tests.support.announcements import registered

PRINCIPAL = Principal("", "c", "u", "", frozenset({Scope.FILES_ALL}), "")
SAID_AT = datetime.now(UTC) - timedelta(minutes=1)
"""When the element that is away announced itself last."""
OLD = new_file_id(SAID_AT - timedelta(days=30))


class Catalog:
    """``has``: the elements that have the document, as far as it knows; None while PostgreSQL is away."""

    def __init__(self, *has: str, away: bool = False) -> None:
        self._has = has
        self._away = away

    @asynccontextmanager
    async def read(self) -> AsyncIterator[None]:
        if self._away:
            raise DatabaseDown("gone")
        yield

    async def copies(self, *_: object, **__: object) -> Mapping[str, Any]:
        return {element_id: {"file_id": str(OLD)} for element_id in self._has}


class Nowhere:
    async def document(self, *_: object) -> None:
        return None


def locator(catalog: Catalog) -> Locator:
    """Before two elements, of which the catalog has all that they announced; "b" is away."""
    elements = [
        registered("a", last_lsn=7),
        registered("b", last_lsn=7, health=ElementHealth.AWAY, announced_at=SAID_AT),
    ]
    directory: Any = SimpleNamespace(elements=lambda: elements, is_up_to_date=True)
    follower: Any = SimpleNamespace(position=lambda element_id: 7)
    given: Any = catalog
    nowhere: Any = Nowhere()
    return Locator(given, given, directory, nowhere, follower, DocumentCache(10))


async def told(catalog: Catalog, file_id: UUID) -> set[ProblemType]:
    """Of its attributes, and of its bytes."""
    where = Whereabouts(locator(catalog), file_id, PRINCIPAL, {})
    await where.known()
    with pytest.raises(Problem) as of_bytes:
        await where.asked()
    if await locator(catalog).in_catalog(file_id, PRINCIPAL):
        return {of_bytes.value.kind}
    with pytest.raises(Problem) as of_attributes:
        await locator(catalog).find(file_id, PRINCIPAL, {})
    return {of_attributes.value.kind, of_bytes.value.kind}


async def test_what_the_catalog_would_have_does_not_exist() -> None:
    assert await told(Catalog(), OLD) == {ProblemType.NOT_FOUND}


async def test_nothing_is_certain_while_the_catalog_cannot_be_read() -> None:
    assert await told(Catalog(away=True), OLD) == {ProblemType.ELEMENT_UNAVAILABLE}


async def test_what_the_catalog_has_elsewhere_may_have_moved() -> None:
    assert await told(Catalog("a"), OLD) == {ProblemType.ELEMENT_UNAVAILABLE}


@pytest.mark.parametrize("lasted", [timedelta(), timedelta(minutes=10), timedelta(hours=23)])
async def test_an_upload_may_have_been_stored_behind_the_last_announcement(lasted: timedelta) -> None:
    """Its id is as old as its beginning."""
    begun = new_file_id(SAID_AT + timedelta(seconds=1) - lasted)
    assert await told(Catalog(), begun) == {ProblemType.ELEMENT_UNAVAILABLE}
