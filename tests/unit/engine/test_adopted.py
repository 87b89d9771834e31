"""The list of adopted documents: found by id, whatever the list looks like."""

import random
from collections.abc import Callable
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstore.engine.adopted import AdoptedDocument, AdoptedList

Open = Callable[[bytes], AdoptedList]

IDS = st.uuids() | st.integers(0, 5).map(lambda number: UUID(int=number))
PATHS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
DOCUMENTS = st.lists(st.builds(AdoptedDocument, IDS, st.integers(0, 2**32 - 1), PATHS), max_size=40)


def written(documents: list[AdoptedDocument]) -> bytes:
    return b"".join(sorted(document.to_line() for document in documents))


@pytest.fixture(scope="module")
def open_list(tmp_path_factory: pytest.TempPathFactory) -> Open:
    path = tmp_path_factory.mktemp("list") / "adopted.jsonl"

    def open_(data: bytes) -> AdoptedList:
        path.write_bytes(data)
        return AdoptedList(path)

    return open_


@given(DOCUMENTS, IDS)
def test_each_document_is_found_by_its_id(
    open_list: Open, documents: list[AdoptedDocument], other: UUID
) -> None:
    adopted = open_list(written(documents))
    for file_id in {other, *(document.file_id for document in documents)}:
        expected = [document for document in documents if document.file_id == file_id]
        found = adopted.find(file_id)
        assert sorted(found, key=repr) == sorted(expected, key=repr)
    assert sorted(adopted, key=repr) == sorted(documents, key=repr)
    adopted.close()


def test_one_of_several_with_an_id_is_told_by_its_path(open_list: Open) -> None:
    file_id = UUID(int=7)
    first, second = (AdoptedDocument.of(file_id, path.encode(), path) for path in ("a", "b"))
    adopted = open_list(written([second, first]))
    assert adopted.get(file_id, "b") == second
    assert adopted.get(file_id, "c") is None
    assert not adopted.is_changed(file_id, "b", b"b")
    assert adopted.is_changed(file_id, "b", b"B")
    adopted.close()


@given(st.binary(max_size=300), IDS)
def test_any_bytes_are_taken(open_list: Open, data: bytes, file_id: UUID) -> None:
    adopted = open_list(data)
    adopted.find(file_id)
    assert list(adopted) == []
    adopted.close()


def test_a_damaged_line_hides_itself_alone(open_list: Open) -> None:
    documents = [AdoptedDocument(UUID(int=number), number, f"{number}.txt") for number in range(50)]
    whole = written(documents)
    chance = random.Random(1)
    for _ in range(200):
        number = chance.randrange(50)
        line = len(whole) * number // 50  # all of these are of about one length
        damaged = bytearray(whole)
        damaged[line] ^= 1 << chance.randrange(8)
        adopted = open_list(bytes(damaged))
        found = [document.file_id for document in documents if document in adopted.find(document.file_id)]
        assert len(found) >= 40
        adopted.close()
        adopted.close()
