"""What an archive says of documents that cannot be had, and who may have how many at once."""

from typing import Any
from uuid import UUID

import pytest

from artstore.kernel.access import Principal
from artstore.kernel.problems import Problem
from artstore.query.archives.endpoints import Archives
from artstore.query.archives.reading import Missing, Reading
from artstore.query.archives.repository import ArchiveRepository
from artstore.query.archives.selection import Selection
from artstore.query.catalog.reading import CatalogReader
from artstore.query.files.locate import unavailable
from artstore.wire.archives import NewArchive
from artstore.wire.scopes import Scope

from .following import ServedElement

UNKNOWN = UUID(int=77_777)


class Silent:
    """Elements that do not answer."""

    async def in_elements(self, *_: object) -> Any:
        raise unavailable()

    async def stream(self, *_: object) -> Any:
        raise unavailable()


async def asking(file_id: UUID, known: object) -> Any:
    return file_id, known


def selection(reader: CatalogReader) -> Selection:
    principal = Principal("", "c", "u", "", frozenset({Scope.FILES_ALL}), "")
    silent: Any = Silent()
    return Selection(reader, ArchiveRepository(), silent, silent, principal, {})


class TestSilentElement:
    async def test_is_told_of_each_document_of_a_part(
        self, element: ServedElement, reader: CatalogReader
    ) -> None:
        silent: Any = Silent()
        chosen = selection(reader)
        ids = await chosen.chosen(NewArchive(ids=[UUID(int=1), UNKNOWN], partial=True))
        found = [one async for one in Reading(ids, chosen, silent, asking).documents()]
        assert found == [
            Missing(UUID(int=1), "its storage element does not answer"),
            Missing(UNKNOWN, "an element that may have it does not answer"),
        ]

    async def test_is_the_end_of_a_whole(self, element: ServedElement, reader: CatalogReader) -> None:
        with pytest.raises(Problem, match="element-unavailable"):
            await selection(reader).chosen(NewArchive(ids=[UUID(int=1), UNKNOWN]))


def test_one_account_leaves_places_for_others() -> None:
    nobody: Any = None
    archives = Archives(nobody, nobody, nobody, nobody, nobody, 4)
    for _ in range(2):
        archives._take_place("one")
    with pytest.raises(Problem, match="too-many-requests"):
        archives._take_place("one")
    for _ in range(2):
        archives._take_place("another")
    with pytest.raises(Problem, match="too-many-requests"):
        archives._take_place("a third")
    archives._give_place_back("one")
    archives._take_place("a third")
    archives.close()
