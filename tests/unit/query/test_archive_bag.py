"""The bytes of an archive, read back by others than those that made them."""

import hashlib
import io
import json
import zipfile
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

import pytest

from artstore.query.archives.bag import ArchiveBroken, Bag
from artstore.query.archives.packing import ZipPacker
from artstore.query.archives.reading import Missing, Open
from artstore.query.files.stream import DocumentStream

TEXT = b"a line of a table\n" * 30_000
MISSING = Missing(uuid4(), "it is not there")


class Stream:
    """Instead of a DocumentStream: these bytes, in pieces of this size."""

    def __init__(self, content: bytes, piece: int = 65_536) -> None:
        self._content, self._piece = content, piece
        self.is_closed = False

    async def chunks(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._content), self._piece):
            yield self._content[start : start + self._piece]

    def close(self) -> None:
        self.is_closed = True


def document(content: bytes, name: str = "a.txt", kind: str = "text/plain", **more: Any) -> Open:
    told = {
        "file_id": str(uuid4()),
        "original_filename": name,
        "content_type": kind,
        "file_size": len(content),
        "checksum": hashlib.sha256(content).hexdigest(),
        **more,
    }
    return Open(told, cast("DocumentStream", Stream(content)))


async def each(*documents: Open | Missing) -> AsyncIterator[Open | Missing]:
    for one in documents:
        yield one


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as threads:
        yield threads


async def packed(threads: ThreadPoolExecutor, *documents: Open | Missing, partial: bool = False) -> bytes:
    bag = Bag("bag", threads, partial=partial)
    return b"".join([chunk async for chunk in bag.chunks(each(*documents))])


def unpacked(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as found:
        assert found.testzip() is None
        names = found.namelist()
        assert len(set(names)) == len(names)
        assert all(name.startswith("bag/") for name in names)
        return {name.removeprefix("bag/"): found.read(name) for name in names}


async def test_has_documents_attributes_and_manifest(threads: ThreadPoolExecutor) -> None:
    documents = [
        document(TEXT, "отчёт.txt", tags=["я"]),
        document(b"\x00" * 100_000, "отчёт.txt", "application/pdf"),
        document(b"x", "../x"),
    ]
    files = unpacked(await packed(threads, *documents))
    names = ["data/отчёт.txt", "data/отчёт (2).txt", "data/.._x"]
    contents = [TEXT, b"\x00" * 100_000, b"x"]
    assert [files[name] for name in names] == contents
    for name, one in zip(names, documents, strict=True):
        assert json.loads(files[f"{name}.attr.json"]) == one.document
        assert cast("Any", one.stream).is_closed
    assert files["bagit.txt"] == b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
    lines = files["manifest-sha256.txt"].decode().splitlines()
    payload = {name for name in files if name.startswith("data/")}
    assert {line.split("  ", 1)[1] for line in lines} == payload
    for line in lines:
        checksum, name = line.split("  ", 1)
        assert hashlib.sha256(files[name]).hexdigest() == checksum
    assert "errors.json" not in files


async def test_text_is_deflated_and_the_rest_stored(threads: ThreadPoolExecutor) -> None:
    kinds = ["text/csv; charset=utf-8", "application/json", "image/svg+xml", "application/pdf", "image/png"]
    archive = await packed(threads, *(document(TEXT, f"{n}", kind) for n, kind in enumerate(kinds)))
    with zipfile.ZipFile(io.BytesIO(archive)) as found:
        methods = [found.getinfo(f"bag/data/{n}").compress_type for n in range(len(kinds))]
    assert methods == [zipfile.ZIP_DEFLATED] * 3 + [zipfile.ZIP_STORED] * 2
    assert len(archive) < 3 * len(TEXT)


@pytest.mark.parametrize("kind", ["text/plain", "image/png"])
async def test_other_bytes_than_the_attributes_tell_of_make_no_archive(
    threads: ThreadPoolExecutor, kind: str
) -> None:
    one = document(TEXT, kind=kind, checksum="0" * 64)
    received = bytearray()
    with pytest.raises(ArchiveBroken, match="checksum"):
        await collect(Bag("bag", threads, partial=True), received, one)
    assert cast("Any", one.stream).is_closed
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(bytes(received)))


async def test_without_a_document_there_is_no_archive(threads: ThreadPoolExecutor) -> None:
    received = bytearray()
    with pytest.raises(ArchiveBroken, match="not there"):
        await collect(Bag("bag", threads, partial=False), received, document(TEXT), MISSING)
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(bytes(received)))


async def collect(bag: Bag, received: bytearray, *documents: Open | Missing) -> None:
    async for chunk in bag.chunks(each(*documents)):
        received.extend(chunk)


async def test_a_partial_one_says_what_is_missing(threads: ThreadPoolExecutor) -> None:
    files = unpacked(await packed(threads, MISSING, document(TEXT), MISSING, partial=True))
    told = [{"file_id": str(MISSING.file_id), "reason": "it is not there"}] * 2
    assert json.loads(files["errors.json"]) == told
    assert files["data/a.txt"] == TEXT


class TestZip64:
    def test_of_more_entries_than_a_plain_one_holds(self) -> None:
        packer = ZipPacker()
        archive = bytearray()
        for number in range(66_000):
            archive += packer.begin(f"{number}", 1, deflated=False) + packer.piece(b"x") + packer.end()
        archive += b"".join(packer.close())
        with zipfile.ZipFile(io.BytesIO(archive)) as found:
            assert len(found.namelist()) == 66_000
            assert found.read("65999") == b"x"

    def test_of_an_entry_that_a_plain_one_cannot_tell_of(self) -> None:
        head = ZipPacker().begin("large", 5 << 30, deflated=False)
        assert head[4] == 45  # the version that is needed to read it
        assert b"\x01\x00\x10\x00" in head  # the extra field with sizes of 64 bits
        assert ZipPacker().begin("small", 5 << 20, deflated=False)[4] == 20


@pytest.mark.parametrize("file_id", [UUID(int=0)])
async def test_an_archive_of_nothing_is_one(
    threads: ThreadPoolExecutor, file_id: UUID, tmp_path: Path
) -> None:
    archive = await packed(threads, Missing(file_id, "gone"), partial=True)
    files = unpacked(archive)
    assert set(files) == {"bagit.txt", "data/", "errors.json", "manifest-sha256.txt"}
    assert files["manifest-sha256.txt"] == b""
    with zipfile.ZipFile(io.BytesIO(archive)) as found:
        found.extractall(tmp_path)
    assert (tmp_path / "bag" / "data").is_dir()
