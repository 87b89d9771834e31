"""What the engine may rely on, whatever kind of storage holds its files."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from artstore.engine.blobs import BlobMissing, Blobs
from tests.support.swift import LIST_PAGE

FOLDER = "files/2026/11/23/12"
PATH = f"{FOLDER}/a note_billing_20261123T120102_x.txt"
LARGE = 13 * 1024 * 1024 + 7
"""More than one part of a multipart upload, and no multiple of anything."""


def content_of(blobs: Blobs, path: str) -> bytes:
    reader = blobs.open(path)
    try:
        return reader.read_at(0, reader.size)
    finally:
        reader.close()


@pytest.fixture
def stage(staging: Path) -> Callable[[bytes], Path]:
    def stage(content: bytes) -> Path:
        path = staging / f"{len(list(staging.iterdir()))}.part"
        path.write_bytes(content)
        return path

    return stage


class TestPut:
    def test_is_read_back(self, blobs: Blobs) -> None:
        blobs.put(PATH, b"hello")
        assert content_of(blobs, PATH) == b"hello"
        assert blobs.read(PATH, 100) == b"hello"

    def test_replaces(self, blobs: Blobs) -> None:
        blobs.put(PATH, b"a longer text of before")
        blobs.put(PATH, b"after")
        assert content_of(blobs, PATH) == b"after"

    def test_takes_a_view(self, blobs: Blobs) -> None:
        blobs.put(PATH, memoryview(b"..hello..")[2:7])
        assert content_of(blobs, PATH) == b"hello"

    def test_an_empty_one(self, blobs: Blobs) -> None:
        blobs.put(PATH, b"")
        assert content_of(blobs, PATH) == b""
        assert list(blobs.walk("files")) == [(PATH, 0)]

    @pytest.mark.parametrize(
        "name",
        [
            "with spaces and + & = ; , $ ! ' ( ) @.txt",
            "100% #1 ~ {x} [y] ^ `.txt",
            "a%20b%2Fc.txt",
            "отчёт за 2025 — «важное».pdf",
            "报告 📄 👩‍👩‍👧.csv",
            "e\u0301 is not \u00e9.txt",
            ".hidden",
            "a.",
            "x" * 255,
        ],
    )
    def test_under_any_name_that_a_file_can_have(self, blobs: Blobs, name: str) -> None:
        blobs.put(f"{FOLDER}/{name}", name.encode())
        assert content_of(blobs, f"{FOLDER}/{name}") == name.encode()
        assert blobs.names(FOLDER) == [name]
        assert [path for path, _ in blobs.walk("files")] == [f"{FOLDER}/{name}"]
        assert blobs.delete(f"{FOLDER}/{name}")

    def test_from_as_many_threads_as_it_allows(self, blobs: Blobs) -> None:
        paths = [f"{FOLDER}/{number}" for number in range(30)]
        with ThreadPoolExecutor(blobs.abilities.writers) as threads:
            list(threads.map(lambda path: blobs.put(path, path.encode()), paths))
        blobs.flush()
        assert {path: blobs.read(path, 100) for path in paths} == {path: path.encode() for path in paths}


class TestPutStaged:
    @pytest.mark.parametrize("size", [1, 70_000, 2_000_000, LARGE])
    def test_moves_the_bytes(self, blobs: Blobs, stage: Callable[[bytes], Path], size: int) -> None:
        content = os.urandom(size)
        staged = stage(content)
        blobs.put_staged(PATH, staged)
        blobs.flush()
        assert not staged.exists()
        assert content_of(blobs, PATH) == content
        assert dict(blobs.walk("files")) == {PATH: size}

    def test_may_be_repeated(self, blobs: Blobs, stage: Callable[[bytes], Path]) -> None:
        staged = stage(b"staged bytes")
        blobs.put_staged(PATH, staged)
        blobs.put_staged(PATH, staged)
        assert content_of(blobs, PATH) == b"staged bytes"

    def test_where_neither_is_there(self, blobs: Blobs, staging: Path) -> None:
        with pytest.raises(BlobMissing):
            blobs.put_staged(PATH, staging / "nothing.part")


class TestDelete:
    def test_removes(self, blobs: Blobs) -> None:
        blobs.put(PATH, b"hello")
        assert blobs.delete(PATH)
        with pytest.raises(BlobMissing):
            blobs.open(PATH)
        assert blobs.names(FOLDER) == []
        assert list(blobs.walk("files")) == []

    def test_may_be_repeated(self, blobs: Blobs) -> None:
        blobs.put(PATH, b"hello")
        assert [blobs.delete(PATH), blobs.delete(PATH)] == [True, False]
        assert not blobs.delete("files/never/there")
        blobs.flush()

    def test_does_not_disturb_a_reader(self, blobs: Blobs, stage: Callable[[bytes], Path]) -> None:
        content = os.urandom(LARGE)
        blobs.put_staged(PATH, stage(content))
        reader = blobs.open(PATH)
        start = reader.read_at(0, 1000)
        if blobs.abilities.survives_delete:
            assert blobs.delete(PATH)
            blobs.flush()
            assert start + reader.read_at(1000, reader.size) == content
        reader.close()


class TestReading:
    def test_at_any_place(self, blobs: Blobs, stage: Callable[[bytes], Path]) -> None:
        content = os.urandom(LARGE)
        blobs.put_staged(PATH, stage(content))
        reader = blobs.open(PATH)
        assert reader.size == LARGE
        ranges = [(0, 10), (5, 100_000), (0, 10), (LARGE - 10, 10), (9_000_000, 1_000_000), (10_000_000, 1)]
        for start, length in ranges:
            assert reader.read_at(start, length) == content[start : start + length]
        reader.close()

    def test_on_and_on(self, blobs: Blobs, stage: Callable[[bytes], Path]) -> None:
        content = os.urandom(LARGE)
        blobs.put_staged(PATH, stage(content))
        reader = blobs.open(PATH)
        pieces = [reader.read_at(start, 1_000_000) for start in range(0, LARGE, 1_000_000)]
        reader.close()
        assert b"".join(pieces) == content

    def test_at_the_end(self, blobs: Blobs) -> None:
        blobs.put(PATH, b"hello")
        reader = blobs.open(PATH)
        assert reader.read_at(3, 100) == b"lo"
        assert reader.read_at(5, 100) == reader.read_at(50, 1) == b""
        reader.close()
        reader.close()

    def test_no_more_than_asked_for(self, blobs: Blobs) -> None:
        blobs.put(PATH, b"hello")
        assert blobs.read(PATH, 4) == b"hell"

    def test_what_is_not_there(self, blobs: Blobs) -> None:
        blobs.put(PATH, b"hello")
        for path in (f"{PATH}.attr.json", "files/nothing", FOLDER):
            with pytest.raises(BlobMissing):
                blobs.open(path)
            with pytest.raises(BlobMissing):
                blobs.read(path, 10)


class TestListing:
    @pytest.fixture
    def filled(self, blobs: Blobs) -> Blobs:
        for path in ("files/a/1", "files/a/2", "files/a/b/3", "files/ab/4", "element.json"):
            blobs.put(path, path.encode())
        blobs.flush()
        return blobs

    def test_a_folder(self, filled: Blobs) -> None:
        found = filled.entries("files/a")
        assert (sorted(found.folders), sorted(found.blobs)) == (["b"], ["1", "2"])
        assert sorted(filled.names("files/a")) == ["1", "2"]
        assert sorted(filled.entries("files").folders) == ["a", "ab"]

    def test_everything_below(self, filled: Blobs) -> None:
        paths = ["files/a/1", "files/a/2", "files/a/b/3"]
        assert sorted(filled.walk("files/a")) == [(path, len(path)) for path in paths]
        assert len(list(filled.walk("files"))) == 4

    def test_a_folder_that_is_not_there(self, filled: Blobs) -> None:
        for folder in ("quarantine", "files/a/1", "files/x/y"):
            assert filled.names(folder) == []
            assert list(filled.walk(folder)) == []
            assert filled.clean(folder) == 0

    def test_more_than_come_in_one_answer(self, blobs: Blobs) -> None:
        count = 2 * LIST_PAGE + 1
        with ThreadPoolExecutor(blobs.abilities.writers) as threads:
            list(threads.map(lambda number: blobs.put(f"files/{number}", b"x"), range(count)))
        assert len(blobs.names("files")) == count
        assert len(list(blobs.walk("files"))) == count


class TestCleaning:
    def test_leaves_blobs_alone(self, blobs: Blobs) -> None:
        blobs.put(PATH, b"hello")
        blobs.flush()
        assert blobs.clean(FOLDER) == 0
        assert content_of(blobs, PATH) == b"hello"

    def test_finishes_a_deletion_that_waited_for_a_reader(self, blobs: Blobs) -> None:
        """The process dies while somebody reads a deleted blob: the next one finds nothing of it."""
        blobs.put(PATH, b"hello")
        blobs.open(PATH)
        blobs.delete(PATH)
        blobs.clean("files")
        assert list(blobs.walk("files")) == list(blobs.walk("deleting")) == []


def test_can_be_reached(blobs: Blobs) -> None:
    blobs.check()
    blobs.put("element.json", b"{}")
    blobs.check()


def test_shows_no_secret(blobs: Blobs) -> None:
    assert "secret" not in repr(blobs) + repr(blobs.abilities)
