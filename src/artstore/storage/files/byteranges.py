"""Several ranges in one answer: ``multipart/byteranges`` (RFC 9110 §14.6)."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from artstore.kernel.streaming import RangeSpec


@dataclass(frozen=True, slots=True)
class ByteRanges:
    """The body for ``parts`` of the document with this checksum.

    The same parts of the same document give the same bytes wherever it lies, so that an answer that broke off
    can be carried on by another element. No document holds its own boundary, which is made of its checksum.
    """

    parts: Sequence[RangeSpec]
    checksum: str
    part_type: str
    """The content type of the document."""

    @property
    def content_type(self) -> str:
        return f"multipart/byteranges; boundary={self._boundary}"

    @property
    def length(self) -> int:
        return sum(len(piece) if isinstance(piece, bytes) else piece.length for piece in self.body())

    def body(self) -> list[bytes | RangeSpec]:
        """In the order in which it is sent: what stands between the parts, and the parts."""
        body: list[bytes | RangeSpec] = []
        for number, part in enumerate(self.parts):
            head = ("\r\n" if number else "") + (
                f"--{self._boundary}\r\n"
                f"Content-Type: {self.part_type}\r\nContent-Range: {part.content_range}\r\n\r\n"
            )
            body += [head.encode("latin-1"), part]
        return [*body, f"\r\n--{self._boundary}--\r\n".encode("latin-1")]

    @property
    def _boundary(self) -> str:
        return hashlib.sha256(f"boundary {self.checksum}".encode()).hexdigest()[:40]
