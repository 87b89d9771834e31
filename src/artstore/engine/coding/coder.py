"""Coding one document on its way in."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from artstore.attributes import FileAttributes, FileId, created_at_of, stored_name
from artstore.engine.coding.codings import Coding, Encoder, encoder
from artstore.engine.coding.policy import promises_gain, saves_enough


@dataclass(frozen=True, slots=True)
class Coded:
    """How a document is stored, and what that comes to: bytes and their SHA-256."""

    coding: Coding
    size: int
    checksum: str


def as_coded(attributes: FileAttributes, coded: Coded) -> FileAttributes:
    """The attributes of the same document, stored so."""
    file_id = FileId(attributes.file_id)
    at = created_at_of(file_id) or attributes.created_at
    name = stored_name(
        attributes.original_filename, attributes.created_by_username, at, file_id, coded.coding.suffix
    )
    folder = attributes.storage_path.rpartition("/")[0]
    return attributes.changed(
        storage_filename=name,
        storage_path=f"{folder}/{name}",
        content_encoding=coded.coding.value,
        stored_size=coded.size,
        stored_checksum=coded.checksum,
    )


def code_whole(coding: Coding, content: bytes) -> tuple[Coded, bytes] | None:
    """A document that is in memory, coded; None where that does not save enough."""
    coder = encoder(coding)
    stored = coder.compress(content) + coder.flush()
    if not saves_enough(len(content), len(stored)):
        return None
    return Coded(coding, len(stored), hashlib.sha256(stored).hexdigest()), stored


class Coder:
    """A document that comes in pieces: coded, or let through where its first bytes promise no gain.

    The first ``min_bytes`` are held back until there are more; a document that has no more is let through.
    """

    def __init__(self, coding: Coding, min_bytes: int) -> None:
        self._coding = coding
        self._min_bytes = min_bytes
        self._encoder: Encoder | None = None
        self._held: list[bytes] | None = []
        """Until it is decided."""
        self._digest = hashlib.sha256()
        self.original_bytes = 0
        """Of a document that is coded, so far."""
        self._stored_bytes = 0

    @property
    def coded(self) -> Coded | None:
        """After the end: what was stored; None where the document was let through."""
        if self._encoder is None:
            return None
        return Coded(self._coding, self._stored_bytes, self._digest.hexdigest())

    @property
    def saves_enough(self) -> bool:
        """After the end: whether the coding may stay."""
        return saves_enough(self.original_bytes, self._stored_bytes)

    def take(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """What is to be stored of the next pieces."""
        if self._held is not None:
            self._held.extend(pieces)
            if sum(map(len, self._held)) < max(1, self._min_bytes):
                return
            pieces, self._held = self._held, None
            if promises_gain(b"".join(pieces)):
                self._encoder = encoder(self._coding)
        if self._encoder is None:
            yield from pieces
            return
        for piece in pieces:
            self.original_bytes += len(piece)
            yield from self._counted(self._encoder.compress(piece))

    def end(self) -> Iterator[bytes]:
        """The rest. Once."""
        yield from self._held or ()
        if self._encoder is not None:
            yield from self._counted(self._encoder.flush())

    def _counted(self, stored: bytes) -> Iterator[bytes]:
        if stored:
            self._digest.update(stored)
            self._stored_bytes += len(stored)
            yield stored
