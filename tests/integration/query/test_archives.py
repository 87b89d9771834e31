"""What an archive says of documents that cannot be had, who may have how many at once, and for how long."""

import asyncio
from collections.abc import AsyncGenerator
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from artstore.kernel.access import Principal
from artstore.kernel.problems import Problem
from artstore.kernel.stalled import ClientStalled
from artstore.query.archives import endpoints
from artstore.query.archives import selection as selecting
from artstore.query.archives.endpoints import Archives
from artstore.query.archives.reading import Missing, Open, Reading
from artstore.query.archives.repository import ArchiveRepository
from artstore.query.archives.selection import Selection
from artstore.query.catalog.reading import CatalogReader
from artstore.query.files.locate import not_found, unavailable
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


class Empty:
    """Elements that have nothing."""

    def __init__(self) -> None:
        self.asked: list[UUID] = []

    async def in_elements(self, file_id: UUID, *_: object) -> Any:
        self.asked.append(file_id)
        raise not_found()


class Full:
    """Elements that have whatever they are asked for."""

    async def in_elements(self, file_id: UUID, *_: object) -> Any:
        return {"rw-01": {"file_id": str(file_id)}}


class Refusing:
    """Elements that take no token but the ones given after so many were forgotten."""

    def __init__(self, checksum: str, good: int) -> None:
        self.forgotten = 0
        self.opened: list[SimpleNamespace] = []
        self._tag, self._good = f'"{checksum}"', good

    def forget(self) -> None:
        self.forgotten += 1

    async def stream(self, *_: object) -> Any:
        status = 200 if self.forgotten >= self._good else 401
        answer = SimpleNamespace(
            head=SimpleNamespace(status=status, headers={"ETag": self._tag}), is_closed=False
        )
        answer.close = lambda: setattr(answer, "is_closed", True)
        self.opened.append(answer)
        return answer


async def asking(file_id: UUID, known: object) -> Any:
    return file_id, known


def nothing() -> None:
    """Where no token is refused."""


def selection(reader: CatalogReader, elements: Any = None) -> Selection:
    principal = Principal("", "c", "u", "", frozenset({Scope.FILES_ALL}), "")
    asked: Any = elements or Silent()
    return Selection(reader, ArchiveRepository(), asked, asked, principal, {})


class TestSilentElement:
    async def test_is_told_of_each_document_of_a_part(
        self, element: ServedElement, reader: CatalogReader
    ) -> None:
        silent: Any = Silent()
        chosen = selection(reader)
        ids = await chosen.chosen(NewArchive(ids=[UUID(int=1), UNKNOWN], partial=True))
        found = [one async for one in Reading(ids, chosen, silent, asking, nothing).documents()]
        assert found == [
            Missing(UUID(int=1), "its storage element does not answer"),
            Missing(UNKNOWN, "an element that may have it does not answer"),
        ]

    async def test_is_the_end_of_a_whole(self, element: ServedElement, reader: CatalogReader) -> None:
        with pytest.raises(Problem, match="element-unavailable"):
            await selection(reader).chosen(NewArchive(ids=[UUID(int=1), UNKNOWN]))


async def test_tells_those_that_were_not_looked_for(
    element: ServedElement, reader: CatalogReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selecting, "_MOST_UNKNOWN", 2)
    nowhere: Any = Empty()
    chosen = selection(reader, nowhere)
    ids = await chosen.chosen(NewArchive(ids=[UUID(int=number) for number in (71, 72, 73)], partial=True))
    found = [one async for one in Reading(ids, chosen, nowhere, asking, nothing).documents()]
    looked_for = "it is not there, or not yours to see"
    assert [one.reason for one in found if isinstance(one, Missing)] == [
        looked_for,
        looked_for,
        "the catalog does not know it, and too many others were looked for",
    ]
    assert nowhere.asked == ids[:2]


async def test_is_not_refused_for_a_catalog_that_is_behind(
    element: ServedElement, reader: CatalogReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selecting, "_MOST_UNKNOWN", 2)
    new = NewArchive(ids=[UUID(int=number) for number in (1, 71, 72, 73)])
    with pytest.raises(Problem, match="dependency-unavailable"):
        await selection(reader, Full()).chosen(new)


class TestRefusedToken:
    async def read(self, reader: CatalogReader, good: int) -> tuple[Open | Missing, Refusing]:
        chosen = selection(reader)
        ids = await chosen.chosen(NewArchive(ids=[UUID(int=1)]))
        elements: Any = Refusing((await chosen.known(ids))[ids[0]].document["checksum"], good)
        (one,) = [one async for one in Reading(ids, chosen, elements, asking, elements.forget).documents()]
        return one, elements

    async def test_is_forgotten(self, element: ServedElement, reader: CatalogReader) -> None:
        one, elements = await self.read(reader, good=1)
        assert isinstance(one, Open)
        assert [answer.is_closed for answer in elements.opened] == [True, False]

    async def test_is_forgotten_once(self, element: ServedElement, reader: CatalogReader) -> None:
        one, elements = await self.read(reader, good=2)
        assert one == Missing(UUID(int=1), "its element answers with status 401")
        assert elements.forgotten == 1
        assert [answer.is_closed for answer in elements.opened] == [True, True]


async def test_gives_its_place_back_when_nothing_is_taken() -> None:
    closed, outcomes, never = asyncio.Event(), list[str](), asyncio.Event()

    async def chunks() -> AsyncGenerator[bytes, None]:
        try:
            while True:
                yield b"a part"
        finally:
            closed.set()

    async def close() -> None:
        assert closed.is_set()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            await never.wait()

    async def receive() -> Any:
        await never.wait()

    reading: Any = SimpleNamespace(close=close)
    response = endpoints._ArchiveResponse("archive", chunks(), reading, outcomes.append, stalled_seconds=0.01)
    with pytest.raises(ClientStalled):
        await response({}, receive, send)
    assert outcomes == ["client_gone"]


def test_one_account_leaves_places_for_others() -> None:
    nobody: Any = None
    archives = Archives(nobody, nobody, nobody, nobody, nobody, most=4, stalled_seconds=60)
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
