"""Documents, their attributes and their checksums, put together as a bag (RFC 8493) in a ZIP."""

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import Executor
from typing import Any, TypeVar

from artstore.query.archives.names import ATTRIBUTES, Names
from artstore.query.archives.packing import ZipPacker
from artstore.query.archives.reading import Missing, Open

_DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
_AT_ONCE_BYTES = 16 * 1024
"""Up to so many are hashed and packed on the event loop: a thread costs more."""
_DEFLATED = ("text/", "application/json", "application/xml", "application/javascript", "application/sql")
_DEFLATED_SUFFIXES = ("+json", "+xml")
_T = TypeVar("_T")


class ArchiveBroken(Exception):
    """Something that should be in the archive is not: it must not look whole."""


class Bag:
    """The bytes of the archive, as the documents come. ``folder``: where everything lies in it."""

    def __init__(self, folder: str, threads: Executor, *, partial: bool) -> None:
        self._folder = folder
        self._threads = threads
        self._partial = partial
        self._names = Names()
        self._zip = ZipPacker()
        self._manifest: list[str] = []
        self._errors: list[dict[str, str]] = []

    async def chunks(self, documents: AsyncIterator[Open | Missing]) -> AsyncGenerator[bytes, None]:
        """Raises ArchiveBroken, ElementBroke."""
        yield self._small("bagit.txt", _DECLARATION)
        async for one in documents:
            if isinstance(one, Open):
                try:
                    async for chunk in self._document(one):
                        yield chunk
                finally:
                    one.stream.close()
            elif self._partial:
                self._errors.append({"file_id": str(one.file_id), "reason": one.reason})
            else:
                raise ArchiveBroken(f"document {one.file_id}: {one.reason}")
        if not self._manifest:  # a bag has a folder for its payload, if only an empty one (RFC 8493, 2.1.2)
            yield self._zip.folder(f"{self._folder}/data")
        if self._errors:
            yield self._small("errors.json", _json(self._errors))
        yield self._small("manifest-sha256.txt", "".join(self._manifest).encode())
        for chunk in self._zip.close():
            yield chunk

    async def _document(self, one: Open) -> AsyncIterator[bytes]:
        document = one.document
        name = f"data/{self._names.name(document['original_filename'])}"
        deflated = _is_deflated(document["content_type"])
        yield self._zip.begin(f"{self._folder}/{name}", document["file_size"], deflated=deflated)
        digest = hashlib.sha256()

        def packed(chunk: bytes) -> bytes:
            digest.update(chunk)
            return self._zip.piece(chunk)

        async for chunk in one.stream.chunks():
            if made := await self._run(len(chunk), packed, chunk):
                yield made
        if digest.hexdigest() != document["checksum"]:
            raise ArchiveBroken(f"document {document['file_id']} came with another checksum than its own")
        yield self._zip.end()
        self._manifest.append(f"{document['checksum']}  {name}\n")
        attributes = _json(document)
        self._manifest.append(f"{hashlib.sha256(attributes).hexdigest()}  {name}{ATTRIBUTES}\n")
        yield self._small(f"{name}{ATTRIBUTES}", attributes)

    def _small(self, name: str, content: bytes) -> bytes:
        head = self._zip.begin(f"{self._folder}/{name}", len(content), deflated=False)
        return head + self._zip.piece(content) + self._zip.end()

    async def _run(self, size: int, call: Callable[[bytes], _T], chunk: bytes) -> _T:
        if size <= _AT_ONCE_BYTES:
            return call(chunk)
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, chunk)


def _is_deflated(content_type: str) -> bool:
    """What is text gets a fifth as large; what is compressed already gets larger, and takes as long."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind.startswith(_DEFLATED) or kind.endswith(_DEFLATED_SUFFIXES)


def _json(value: Any) -> bytes:
    text = json.dumps(value, ensure_ascii=False, indent=1)
    return (text + "\n").encode("utf-8", "backslashreplace")
