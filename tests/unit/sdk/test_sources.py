"""What can be uploaded, and what is known of it before."""

import hashlib
import os
from io import BytesIO
from pathlib import Path

import pytest

from artstore.sdk.errors import Rejected
from artstore.sdk.sources import CHUNK_BYTES, Source, source_of


async def read(source: Source) -> tuple[bytes, str, list[int]]:
    digest = hashlib.sha256()
    told: list[int] = []
    content = b"".join(
        [chunk async for chunk in source.chunks(digest, lambda done, total: told.append(done))]
    )
    return content, digest.hexdigest(), told


async def test_path(tmp_path: Path) -> None:
    path = tmp_path / "отчёт.txt"
    path.write_bytes(b"x" * (CHUNK_BYTES + 1))
    for given in (path, str(path)):
        source = source_of(given)
        assert (source.name, source.size, source.replayable) == ("отчёт.txt", CHUNK_BYTES + 1, True)
        content, digest, told = await read(source)
        assert content == path.read_bytes()
        assert digest == hashlib.sha256(content).hexdigest()
        assert told == [CHUNK_BYTES, CHUNK_BYTES + 1]
        assert (await read(source))[0] == content
        source.close()


async def test_bytes_have_no_name() -> None:
    source = source_of(b"content")
    assert (source.name, source.size) == (None, 7)
    assert (await read(source))[0] == b"content"


async def test_an_open_file_is_read_from_where_it_is_and_stays_open(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    path.write_bytes(b"head and rest")
    with path.open("rb") as file:
        file.read(5)
        source = source_of(file)
        assert (source.name, source.size) == ("note.txt", 8)
        assert (await read(source))[0] == b"and rest"
        source.close()
        assert not file.closed


async def test_a_pipe_has_no_size_and_cannot_be_read_again() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"through a pipe")
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        source = source_of(file)
        assert (source.size, source.replayable) == (None, False)
        assert (await read(source))[0] == b"through a pipe"


async def test_a_pipe_by_its_path() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"through a pipe")
    os.close(writing)
    source = source_of(f"/dev/fd/{reading}")
    assert (source.size, source.replayable) == (None, False)
    assert (await read(source))[0] == b"through a pipe"
    source.close()
    os.close(reading)


async def test_what_grows_is_read_to_its_first_size(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"first")
    source = source_of(path)
    with path.open("ab") as more:
        more.write(b" and more")
    assert (await read(source))[0] == b"first"
    source.close()


async def test_what_shrinks_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"first and more")
    source = source_of(path)
    os.truncate(path, 5)
    with pytest.raises(Rejected, match="shorter"):
        await read(source)
    source.close()


@pytest.mark.parametrize("name", [b"caf\xe9.txt", b"\xff"])
def test_a_name_that_is_no_utf8(tmp_path: Path, name: bytes) -> None:
    path = tmp_path / os.fsdecode(name)
    path.touch()
    source = source_of(path)
    assert source.name == name.decode("ascii", "replace").replace("\ufffd", "?")
    source.close()


def test_a_file_without_a_name() -> None:
    assert source_of(BytesIO(b"x")).name is None
