"""Facets of searches in PostgreSQL, beside counting in Python."""

from typing import Any
from uuid import UUID

import pytest

from artstore.kernel.problems import Problem
from artstore.query.catalog.catalog import Catalog
from artstore.query.catalog.reading import CatalogReader
from artstore.query.search import facets
from artstore.query.search.facets import read_facets
from artstore.wire.scopes import Role
from tests.support.element_model import document
from tests.support.search_archive import Archive, principal

ALL = ["type", "extension", "element", "account", "retention", "tag", "year", "attribute:a.b", "attribute:l"]


@pytest.fixture
async def archive(catalog: Catalog, reader: CatalogReader) -> Archive:
    archive = Archive(catalog, reader)
    await archive.take(
        document(
            UUID(int=number + 1),
            name=f"word.{'pdf' if number % 3 else 'TXT'}",
            content_type="application/pdf" if number % 3 else "text/plain",
            tags=["red", "blue"][: number % 3] or None,
            retention_policy="temporary" if number == 0 else "permanent",
            custom_attributes={
                "a": {"b": [1, "1", True, None, {"x": 1}, 2.5][number % 6]},
                "l": ["x", number % 2],
            },
        )
        for number in range(12)
    )
    await archive.take(
        document(
            UUID(int=n + 100),
            owner="other",
            name="word.secret",
            content_type="secret/secret",
            tags=["secret"],
        )
        for n in range(5)
    )
    return archive


async def facets_of(
    archive: Archive, words: str, owner: str = "owner", **more: Any
) -> dict[str, list[tuple[Any, int]]]:
    question = archive.question(words, facets=read_facets(ALL), **more)
    page = await archive.search.page(question, principal(owner))
    assert page.facets is not None
    assert page.faceted is not None
    return {name: [(one.value, one.count) for one in facet.values] for name, facet in page.facets.items()}


async def test_counts(archive: Archive) -> None:
    assert await facets_of(archive, "word") == {
        "type": [("application/pdf", 8), ("text/plain", 4)],
        "extension": [("pdf", 8), ("txt", 4)],
        "element": [("rw-01", 12)],
        "account": [("somebody", 12)],
        "retention": [("permanent", 11), ("temporary", 1)],
        "tag": [("red", 8), ("blue", 4)],
        "year": [(2026, 12)],
        "attribute:a.b": [(1, 2), ("1", 2), (2.5, 2), (True, 2)],
        "attribute:l": [("x", 12), (0, 6), (1, 6)],
    }


async def test_tell_of_what_is_found_and_of_what_the_caller_may_see(archive: Archive) -> None:
    assert (await facets_of(archive, "pdf"))["type"] == [("application/pdf", 8)]
    assert (await facets_of(archive, "-word", "other"))["type"] == []
    assert (await facets_of(archive, "word", "nobody")) == {name: [] for name in ALL}
    assert (await facets_of(archive, "!!!")) == {name: [] for name in ALL}
    assert "secret" not in repr(await facets_of(archive, ""))
    page = await archive.search.page(
        archive.question("", facets=read_facets(["tag"])), principal("x", Role.ADMIN)
    )
    assert page.facets is not None
    assert ("secret", 5) in [(one.value, one.count) for one in page.facets["tag"].values]


async def test_copies_of_a_document_that_moves_count_once(archive: Archive) -> None:
    await archive.take(
        [document(UUID(int=1), name="copy.txt", retention_policy="temporary")], element_id="edit-01"
    )
    await archive.take([document(UUID(int=1), name="copy.txt", retention_policy="permanent")])
    assert (await facets_of(archive, "copy"))["element"] == [("rw-01", 1)]


async def test_more_than_is_counted_is_said(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facets, "COUNTED", 10)
    monkeypatch.setattr(facets, "SHOWN", 1)
    page = await archive.search.page(archive.question("", facets=read_facets(["tag"])), principal("owner"))
    assert page.facets is not None
    assert page.faceted is not None
    assert (page.faceted.value, page.faceted.all) == (10, False)
    assert [one.value for one in page.facets["tag"].values] == ["red"]
    assert page.facets["tag"].more


@pytest.mark.parametrize("name", ["", "nothing", "attribute:", "attribute:a=1", "attribute:a\x00", "type "])
def test_unknown(name: str) -> None:
    with pytest.raises(Problem) as refused:
        read_facets([name])
    assert refused.value.field == "facet"
