"""Fetching a document: into a file, resumed where it was broken off, or as a stream; always verified."""

import hashlib
import os
import shutil
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

import anyio.to_thread
import httpx

from artstore.sdk.errors import Damaged, ServiceFailed, Unavailable
from artstore.sdk.progress import Progress
from artstore.sdk.targets import followed, is_replaced, opened
from artstore.sdk.transport import Transport
from artstore.wire.documents import Document

_WRITE_BYTES = 1024 * 1024
_NO_COMPRESSION = {"Accept-Encoding": "identity"}
_MAX_NAME_BYTES = 255


class DocumentStream:
    """The bytes of a document while they arrive: iterate over it once, or ``read`` it whole.

    Raises Damaged at the end when the bytes do not have the document's SHA-256, and Unavailable when the
    connection breaks; what was read until then is not to be trusted.
    """

    def __init__(self, document: Document, response: httpx.Response) -> None:
        self.document = document
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        digest = hashlib.sha256()
        async for chunk in self._response.aiter_raw():
            digest.update(chunk)
            yield chunk
        if digest.hexdigest() != self.document.checksum:
            raise _damaged(self.document, digest.hexdigest())

    async def read(self) -> bytes:
        """The whole document; only for those that fit into memory."""
        return b"".join([chunk async for chunk in self])


@asynccontextmanager
async def open_stream(transport: Transport, url: str, document: Document) -> AsyncIterator[DocumentStream]:
    """See ``AsyncClient.stream``."""
    async with transport.stream("GET", url, headers=_NO_COMPRESSION) as response:
        yield DocumentStream(document, response)


async def download(
    transport: Transport, url: str, document: Document, to: Path, progress: Progress | None
) -> Path:
    """See ``AsyncClient.download``."""
    target = _name_in(to, document) if to.is_dir() else followed(to)
    if not is_replaced(target):
        await _pour(transport, url, document, target, progress)
        return to
    if await anyio.to_thread.run_sync(_is_there, target, document):
        return target
    part = _PartialFile(target, document)
    resumed = await anyio.to_thread.run_sync(part.open)
    try:
        try:
            await _fetch(transport, url, part, progress)
        except Damaged:
            if not resumed:
                raise
            # What lay there was not a beginning of this document; it has been thrown away.
            await _fetch(transport, url, part, progress)
    finally:
        part.close()
    part.move_into_place()
    return target


async def _pour(
    transport: Transport, url: str, document: Document, target: Path, progress: Progress | None
) -> None:
    """Into a pipe or a device, from which nothing can be taken back."""
    done = 0
    with await anyio.to_thread.run_sync(opened, target) as file:
        async with open_stream(transport, url, document) as stream:
            async for chunk in stream:
                await anyio.to_thread.run_sync(file.write, chunk)
                done += len(chunk)
                if progress is not None:
                    progress(done, document.file_size)


async def _fetch(transport: Transport, url: str, part: "_PartialFile", progress: Progress | None) -> None:
    """Fills the partial file to its end, over as many connections as it takes, and compares the digest.

    A connection that broke counts as a failed attempt only when it brought nothing.
    """
    failures = 0
    while part.size < part.document.file_size:
        before = part.size
        async with transport.stream("GET", url, headers=_range(part)) as response:
            if response.status_code != httpx.codes.PARTIAL_CONTENT and part.size > 0:
                part.restart()
            try:
                await _receive(response, part, progress)
            except httpx.TransportError as error:
                failures = 1 if part.size > before else failures + 1
                broken = Unavailable(f"the connection to {response.url.host} broke: {error}")
                await transport.retries.wait_after(failures, broken)
            else:
                if part.size == before:
                    raise ServiceFailed(f"{url} sent nothing of what was asked for")
    part.verify()


def _range(part: "_PartialFile") -> dict[str, str]:
    if part.size == 0:
        return _NO_COMPRESSION
    # The entity tag of a document's bytes is its checksum, at whichever element they lie.
    tag = f'"{part.document.checksum}"'
    return {**_NO_COMPRESSION, "Range": f"bytes={part.size}-", "If-Range": tag}


async def _receive(response: httpx.Response, part: "_PartialFile", progress: Progress | None) -> None:
    try:
        async for chunk in response.aiter_raw():
            if part.take(chunk):
                await anyio.to_thread.run_sync(part.write)
                if progress is not None:
                    progress(part.size, part.document.file_size)
    finally:
        # Also what came before a connection broke is kept: the next one goes on from there.
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(part.write)
        if progress is not None:
            progress(part.size, part.document.file_size)


class _PartialFile:
    """What has arrived of a document, beside the target, with the digest of it."""

    def __init__(self, target: Path, document: Document) -> None:
        self.document = document
        self.size = 0
        self._target = target
        mark = zlib.crc32(os.fsencode(target.name))
        self._path = target.with_name(f".{document.file_id}-{mark:08x}.part")
        self._digest = hashlib.sha256()
        self._waiting = bytearray()
        self._file: BinaryIO | None = None

    def open(self) -> bool:
        """Goes on where an earlier download ended, or from a shorter file at the target; says whether it
        does.
        """
        if not self._path.exists() and self._is_beginning():
            shutil.copyfile(self._target, self._path)
        self._file = self._path.open("a+b")
        if self._file.tell() > self.document.file_size:
            self.restart()
        self._file.seek(0)
        while chunk := self._file.read(_WRITE_BYTES):
            self._digest.update(chunk)
            self.size += len(chunk)
        return self.size > 0

    def _is_beginning(self) -> bool:
        """Whether the target may be a beginning of the document; the digest shows later whether it is."""
        return self._target.is_file() and 0 < self._target.stat().st_size < self.document.file_size

    def take(self, chunk: bytes) -> bool:
        """Remembers a chunk; whether enough have come together to be written."""
        self._waiting += chunk
        return len(self._waiting) >= _WRITE_BYTES

    def write(self) -> None:
        self._opened.write(self._waiting)
        self._digest.update(self._waiting)
        self.size += len(self._waiting)
        self._waiting.clear()

    def restart(self) -> None:
        """Forgets everything that has come."""
        self._opened.truncate(0)
        self._digest = hashlib.sha256()
        self.size = 0

    def verify(self) -> None:
        """Raises Damaged, and throws the bytes away, when they do not have the document's SHA-256."""
        self._opened.flush()
        found = self._digest.hexdigest()
        if self.size != self.document.file_size or found != self.document.checksum:
            self.restart()
            raise _damaged(self.document, found)

    def close(self) -> None:
        """Leaves what has come for the next download, unless nothing has."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._path.exists() and self._path.stat().st_size == 0:
            self._path.unlink()

    def move_into_place(self) -> None:
        self._path.replace(self._target)

    @property
    def _opened(self) -> BinaryIO:
        if self._file is None:
            raise RuntimeError("the partial file is not open")
        return self._file


def _damaged(document: Document, found: str) -> Damaged:
    return Damaged(
        f"document {document.file_id} arrived damaged: its SHA-256 is {document.checksum}, "
        f"that of the bytes is {found}"
    )


def _is_there(target: Path, document: Document) -> bool:
    """Whether the target is the document already."""
    if not target.is_file() or target.stat().st_size != document.file_size:
        return False
    with target.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == document.checksum


def _name_in(folder: Path, document: Document) -> Path:
    """A place for a document in a folder, under its own name where that is free, never leading out of it."""
    name = Path(document.original_filename.replace("\0", "_")).name
    if name in ("", ".", ".."):
        name = str(document.file_id)
    wanted = folder / _cut(name, "")
    if not wanted.exists() or _is_there(wanted, document):
        return wanted
    return folder / _cut(name, f".{document.file_id}")


def _cut(name: str, mark: str) -> str:
    """The name with a mark before its extension, its stem cut so that file systems take it."""
    stem, extension = os.path.splitext(name)  # noqa: PTH122 - a name, not a path: "a.b/" cannot occur
    room = _MAX_NAME_BYTES - len(os.fsencode(mark + extension))
    if room <= 0:
        return _cut(stem, mark)
    return os.fsencode(stem)[:room].decode("utf-8", "ignore") + mark + extension
