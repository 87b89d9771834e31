"""Putting a good copy in the place of a damaged file, which is kept in the quarantine.

Nothing is moved away unless what takes its place is at hand and was compared with the attributes. A document
that is being repaired is never missing: the copy replaces it by a rename. The engine's lock of the document
is held, and the files follower has done all it had to do with it, so that nobody else writes there.
"""

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import aclosing
from datetime import UTC, datetime

from artstore.attributes import FileAttributes, attribute_name
from artstore.engine.blobs import BlobMissing, Blobs, LocalBlobs
from artstore.engine.durable import make_folders, write_durably
from artstore.engine.errors import DiskFull
from artstore.engine.layout import Layout
from artstore.engine.scrub.sources import RepairSource, is_good_attribute_file
from artstore.engine.staging import StagingFile
from artstore.engine.threads import in_thread

_CHUNK_BYTES = 1 << 20


class Repairs:
    """``blobs`` may be written to beside the files follower, for it never has the same path just then."""

    def __init__(
        self, layout: Layout, blobs: Blobs, threads: Executor, sources: Sequence[RepairSource]
    ) -> None:
        self._layout = layout
        self._blobs = blobs
        self._threads = threads
        self._sources = sources

    def has(self, path: str) -> bool:
        """Whether there is a file. Blocks."""
        try:
            self._blobs.open(path).close()
        except BlobMissing:
            return False
        return True

    async def good_attributes(self, path: str) -> tuple[RepairSource, bytes] | None:
        """A copy of the attribute file of the document at ``path``, and who has it."""
        for source in self._sources:
            try:
                data = await source.attributes(path)
            except Exception:  # noqa: BLE001 - whatever ails a source, another may have a copy
                data = None
            if data is not None and is_good_attribute_file(data, path):
                return source, data
        return None

    async def put_attributes(self, path: str, data: bytes) -> str | None:
        """Puts a good copy in place; where the damaged one is kept, if there was one.

        Raises DiskFull, OSError.
        """
        return await in_thread(self._threads, self._replace_attributes, attribute_name(path), data)

    async def put_document(self, attributes: FileAttributes) -> tuple[RepairSource, str | None] | None:
        """Puts a good copy of the bytes in place; who had it, and where the damaged one is kept.

        None where nobody has a good one. Raises DiskFull, OSError.
        """
        for source in self._sources:
            staged = StagingFile(self._layout.staging, self._threads)
            try:
                if await _fill(staged, source.document(attributes), attributes):
                    kept = await in_thread(
                        self._threads, self._replace_document, attributes.storage_path, staged
                    )
                    return source, kept
            finally:
                await staged.discard()
        return None

    def _replace_attributes(self, path: str, data: bytes) -> str | None:
        kept = self._keep(path, self._blobs)
        self._blobs.put(path, data)
        self._blobs.flush()
        return kept

    def _replace_document(self, path: str, staged: StagingFile) -> str | None:
        kept = self._keep(path, self._blobs)
        self._blobs.put_staged(path, staged.path)
        self._blobs.flush()
        return kept

    def keep_own(self, path: str) -> str | None:
        """Copies a file of the root itself into the quarantine; where it is now, None if there is none."""
        return self._keep(path, LocalBlobs(self._layout.root))

    def _keep(self, path: str, blobs: Blobs) -> str | None:
        """Zeros where it cannot be read."""
        moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        target = self._layout.quarantine / moment / path
        try:
            reader = blobs.open(path)
        except BlobMissing:
            return None
        try:
            make_folders(target.parent)
            write_durably(target, _readable(reader.read_at, reader.size))
        finally:
            reader.close()
        return target.relative_to(self._layout.root).as_posix()


async def _fill(
    staged: StagingFile, document: AsyncGenerator[bytes, None], attributes: FileAttributes
) -> bool:
    """Whether the pieces are the document. Raises DiskFull."""
    size = 0
    try:
        async with aclosing(document) as pieces:
            async for piece in pieces:
                size += len(piece)
                if size > attributes.size_on_disk:
                    return False
                await staged.write(piece)
    except DiskFull:
        raise
    except Exception:  # noqa: BLE001 - whatever ails a source, another may have a copy
        return False
    return size == attributes.size_on_disk and await staged.finish() == attributes.checksum_on_disk


def _readable(read_at: Callable[[int, int], bytes], size: int) -> Iterator[bytes]:
    for start in range(0, size, _CHUNK_BYTES):
        length = min(_CHUNK_BYTES, size - start)
        try:
            yield read_at(start, length)
        except OSError:
            yield bytes(length)
