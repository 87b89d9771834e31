"""Many documents in one download: a ZIP, whose checksums are compared before it is there under its name."""

import errno
import functools
import hashlib
import json
import os
import re
import secrets
import zipfile
import zlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Unpack
from uuid import UUID

import anyio.to_thread
import httpx

from artstore.sdk.errors import Damaged
from artstore.sdk.progress import Progress
from artstore.sdk.searches import SearchOptions, members
from artstore.sdk.sources import unicode_text
from artstore.sdk.targets import followed, is_replaced
from artstore.sdk.transport import Transport

_WRITE_BYTES = 1024 * 1024
_NAME = re.compile(r'filename="([\w-]+\.zip)"', re.ASCII)
_MANIFEST, _ERRORS = "manifest-sha256.txt", "errors.json"


@dataclass(frozen=True)
class MissingDocument:
    """One that is not in the archive."""

    file_id: str
    reason: str


@dataclass(frozen=True)
class Archive:
    path: Path
    documents: int
    missing: list[MissingDocument]
    """What was asked for and left out; nothing, unless it was to be ``partial``."""


class AsyncArchives:
    """``client.archives`` of an AsyncClient."""

    def __init__(self, transport: Transport, query_url: str) -> None:
        self._transport = transport
        self._url = f"{query_url}/api/v1/downloads"

    async def download(
        self,
        to: str | os.PathLike[str],
        *,
        ids: Sequence[UUID | str] | None = None,
        q: str | None = None,
        partial: bool = False,
        progress: Progress | None = None,
        **options: Unpack[SearchOptions],
    ) -> Archive:
        """Fetches many documents as one ZIP: those with these ``ids``, or what a search for ``q`` with these
        ``options`` finds, 10,000 at most, each with its attributes.

        Filters may stand without words. ``to`` is a file, which is replaced, or a folder, in which it gets a
        name of its own. It is there once it is whole and all checksums were compared. One that breaks off
        cannot be resumed, for it is made while it is sent. With ``partial`` what cannot be had is left out
        and named.

        Raises NotFound where a document is not there, Rejected, TooManyRequests, Unavailable, and Damaged
        when the bytes do not match the checksums in it.
        """
        # What may be asked is for the service to judge.
        asked: dict[str, Any] = {"partial": partial, **members(options)}
        if ids is not None:
            asked["ids"] = [str(each) for each in ids]
        if q is not None:
            asked["q"] = unicode_text(q)
        body = json.dumps(asked).encode()
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        target = await anyio.to_thread.run_sync(followed, Path(to))
        is_folder = await anyio.to_thread.run_sync(target.is_dir)
        if not is_folder and not await anyio.to_thread.run_sync(is_replaced, target):
            reason = "An archive is compared once it is whole, so it goes into a file"
            raise FileExistsError(errno.EEXIST, reason, str(to))
        async with self._transport.stream("POST", self._url, headers=headers, content=lambda: body) as answer:
            if is_folder:
                target = target / _name(answer)
            part = target.with_name(f".{secrets.token_hex(8)}.part")
            try:
                await _fetch(answer, part, progress)
                return await anyio.to_thread.run_sync(_moved, part, target)
            finally:
                with anyio.CancelScope(shield=True):
                    await anyio.to_thread.run_sync(lambda: part.unlink(missing_ok=True))


class Archives:
    """``client.archives`` of a Client: the same method."""

    def __init__(self, archives: AsyncArchives, run: Callable[[Callable[[], Awaitable[Any]]], Any]) -> None:
        self._archives = archives
        self._run = run

    def download(
        self,
        to: str | os.PathLike[str],
        *,
        ids: Sequence[UUID | str] | None = None,
        q: str | None = None,
        partial: bool = False,
        progress: Progress | None = None,
        **options: Unpack[SearchOptions],
    ) -> Archive:
        """Fetches many documents as one ZIP: those with these ``ids``, or what a search for ``q`` with these
        ``options`` finds, 10,000 at most, each with its attributes.

        Filters may stand without words. ``to`` is a file, which is replaced, or a folder. Nothing is there
        unless it is whole. With ``partial`` what cannot be had is left out and named. Raises NotFound,
        Rejected, TooManyRequests, Unavailable, Damaged.
        """
        call = functools.partial(
            self._archives.download, to, ids=ids, q=q, partial=partial, progress=progress, **options
        )
        archive: Archive = self._run(call)
        return archive


def _name(answer: httpx.Response) -> str:
    """The one that the service gives, which leads nowhere else."""
    match = _NAME.search(answer.headers.get("Content-Disposition", ""))
    return match[1] if match is not None else f"artstore-{secrets.token_hex(4)}.zip"


async def _fetch(answer: httpx.Response, part: Path, progress: Progress | None) -> None:
    done, waiting = 0, bytearray()

    async def write(file: BinaryIO) -> None:
        await anyio.to_thread.run_sync(file.write, bytes(waiting))
        waiting.clear()
        if progress is not None:
            progress(done, None)

    with part.open("xb") as file:
        async for chunk in answer.aiter_raw():
            waiting += chunk
            done += len(chunk)
            if len(waiting) >= _WRITE_BYTES:
                await write(file)
        await write(file)


def _moved(part: Path, target: Path) -> Archive:
    """Compared, and there. Raises Damaged."""
    try:
        with zipfile.ZipFile(part) as archive:
            documents, missing = _compared(archive)
    except (zipfile.BadZipFile, zlib.error, LookupError, ValueError, EOFError, RuntimeError) as error:
        raise Damaged(f"the archive arrived damaged: {str(error) or type(error).__name__}") from error
    part.replace(target)
    return Archive(target, documents, missing)


def _compared(archive: zipfile.ZipFile) -> tuple[int, list[MissingDocument]]:
    """How many documents there are, each as the manifest has it, and what is left out."""
    names = archive.namelist()
    folder = names[0].partition("/")[0]
    # Names may have what Python takes for the end of a line, and no line of a manifest ends so.
    lines = archive.read(f"{folder}/{_MANIFEST}").decode().split("\n")[:-1]
    for line in lines:
        checksum, _, name = line.partition("  ")
        digest = hashlib.sha256()
        with archive.open(f"{folder}/{name}") as member:
            while chunk := member.read(_WRITE_BYTES):
                digest.update(chunk)
            if digest.hexdigest() != checksum:
                raise ValueError(f"{name} has another SHA-256 than its manifest says")
    missing = []
    if f"{folder}/{_ERRORS}" in names:
        errors = json.loads(archive.read(f"{folder}/{_ERRORS}"))
        missing = [MissingDocument(each["file_id"], each["reason"]) for each in errors]
    return len(lines) // 2, missing
