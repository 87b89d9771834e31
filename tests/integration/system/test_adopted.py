"""An adopted archive in the running system: listed, searched, downloaded, and as it was afterwards."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from artstore.engine.adoption import adopt
from artstore.engine.description import Mode
from artstore.launcher.settings import ELEMENTS, Element, SystemSettings
from tests.support.archives import VERSION_2, leave, tree
from tests.support.system import Account, RunningSystem, eventually

PLACES: dict[str, dict[str, object]] = {
    "2024/01/15/10/накладная.pdf": {"storage_path": "2024/01/15/10"},
    "in the root.txt": {"storage_path": None, **VERSION_2},
    "files/old/three.bin": {"content_type": "image/png"},
}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A folder for a system, an adopted archive as one of its elements, and the paths by id."""
    folder = tmp_path_factory.mktemp("adopted-system")
    root = folder / "elements" / "old-01"
    documents = {leave(root, path, path.encode() * 1000, **fields): path for path, fields in PLACES.items()}
    assert adopt(root, element_id="old-01", mode=Mode.RO).fits
    return folder, documents


@pytest.fixture(scope="module")
def adopted_system(archive: tuple[Path, dict[str, str]]) -> Iterator[RunningSystem]:
    elements = (*ELEMENTS, Element("old-01", "ro"))
    system = RunningSystem(
        archive[0], SystemSettings(default_ports={}, elements=elements, durable_database=False)
    )
    yield from system.for_a_while()


@pytest.fixture
async def reader(adopted_system: RunningSystem) -> AsyncIterator[Account]:
    """May see everybody's documents: the accounts of an old archive are not those of this system."""
    account = await adopted_system.administrator()
    yield account
    await adopted_system.close_accounts()


@pytest.fixture
def documents(archive: tuple[Path, dict[str, str]]) -> dict[str, str]:
    return archive[1]


@pytest.fixture
def before(archive: tuple[Path, dict[str, str]]) -> dict[str, tuple[bytes, int, int]]:
    return documents_below(archive[0] / "elements" / "old-01")


def documents_below(root: Path) -> dict[str, tuple[bytes, int, int]]:
    return {path: found for path, found in tree(root).items() if path.removesuffix(".attr.json") in PLACES}


async def test_documents_are_listed_by_the_element(
    adopted_system: RunningSystem, reader: Account, documents: dict[str, str]
) -> None:
    async def listed() -> bool:
        answer = await reader.http.get(f"{adopted_system.element_urls['old-01']}/api/v1/files")
        return answer.status_code == 200 and {item["file_id"] for item in answer.json()["items"]} == set(
            documents
        )

    await eventually(listed, "the element does not list its documents")


async def test_documents_are_found_and_downloaded(
    reader: Account,
    documents: dict[str, str],
    before: dict[str, tuple[bytes, int, int]],
    archive: tuple[Path, object],
) -> None:
    for file_id, path in documents.items():
        found = await reader.find("archivist", file_id)
        assert found["original_filename"] == path.rpartition("/")[2]
        assert found["element_id"] == "old-01"
        assert not {"storage_path", "storage_filename"} & found.keys()
        answer = await reader.download(file_id)
        assert answer.status_code == 200
        assert answer.content == path.encode() * 1000
    assert documents_below(archive[0] / "elements" / "old-01") == before


async def test_documents_are_found_by_id_without_postgresql(
    adopted_system: RunningSystem, reader: Account, documents: dict[str, str]
) -> None:
    url = adopted_system.element_urls["old-01"]
    await adopted_system.stop("postgres")
    try:
        for file_id, path in documents.items():
            answer = await reader.http.get(f"{url}/api/v1/files/{file_id}/download")
            assert answer.status_code == 200
            assert answer.content == path.encode() * 1000
    finally:
        await adopted_system.start("postgres")
