"""The list of adopted documents: ``adopted.jsonl``, made when an element is built around an archive.

Adopted attribute files carry no seal and adopted ids mostly no time. The list stands in for both: it holds
the CRC-32 of each attribute file as it was found, and the place of each document by its id, so that damage is
seen and a document is found without any database. A line is::

    {"file_id":"d9b2d63d-…","crc32":"0a1b2c3d","path":"2024/01/15/10/name.pdf"}

and the lines are sorted as bytes, so that an id is found by halving. The list is written once, by adoption.
Documents that were changed since are sealed, those that were deleted are gone: the list still names them.
"""

import json
import mmap
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from uuid import UUID

from artstore.attributes import is_sealed

_LINE = re.compile(rb'\{"file_id":"([0-9a-f-]{36})","crc32":"([0-9a-f]{8})","path":(".*")\}')
_ID_BEGINS = len('{"file_id":"')
_ID_ENDS = _ID_BEGINS + 36


@dataclass(frozen=True, slots=True)
class AdoptedDocument:
    file_id: UUID
    crc32: int
    """Of the attribute file, as it was found."""
    path: str

    @classmethod
    def of(cls, file_id: UUID, written: bytes, path: str) -> Self:
        """A document whose attribute file holds ``written``."""
        return cls(file_id, zlib.crc32(written), path)

    def to_line(self) -> bytes:
        path = json.dumps(self.path, ensure_ascii=False)
        return f'{{"file_id":"{self.file_id}","crc32":"{self.crc32:08x}","path":{path}}}\n'.encode()


class AdoptedList:
    """The list, open for questions from any thread. Takes any bytes: a line that is none says nothing."""

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        with path.open("rb") as file:
            size = file.seek(0, 2)
            # An empty file cannot be mapped.
            self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""

    def __iter__(self) -> Iterator[AdoptedDocument]:
        at = 0
        while at < len(self._data):
            end = self._end_of_line(at)
            document = _decode(self._data[at:end])
            if document is not None:
                yield document
            at = end + 1

    def find(self, file_id: UUID) -> list[AdoptedDocument]:
        """What the list says of an id: one document, or several that were found under the same id."""
        wanted, found = str(file_id).encode(), []
        at = self._first_from(wanted)
        while at < len(self._data) and self._data[at + _ID_BEGINS : at + _ID_ENDS] == wanted:
            end = self._end_of_line(at)
            document = _decode(self._data[at:end])
            if document is not None:
                found.append(document)
            at = end + 1
        return found

    def get(self, file_id: UUID, path: str) -> AdoptedDocument | None:
        """What the list says of the document that lies at ``path``."""
        return next((document for document in self.find(file_id) if document.path == path), None)

    def is_changed(self, file_id: UUID, path: str, written: bytes) -> bool:
        """Whether an attribute file is not the one that was adopted, and not one that was written since."""
        known = self.get(file_id, path)
        return known is not None and known.crc32 != zlib.crc32(written) and not is_sealed(written)

    def close(self) -> None:
        """May be called again."""
        if isinstance(self._data, mmap.mmap):
            self._data.close()
            self._data = b""

    def _first_from(self, wanted: bytes) -> int:
        """Where the first line begins whose id is not below ``wanted``."""
        low, high = 0, len(self._data)
        while low < high:
            begin = self._data.rfind(b"\n", low, (low + high) // 2) + 1 or low
            if self._data[begin + _ID_BEGINS : begin + _ID_ENDS] < wanted:
                low = min(self._end_of_line(begin) + 1, len(self._data))
            else:
                high = begin
        return low

    def _end_of_line(self, at: int) -> int:
        end = self._data.find(b"\n", at)
        return len(self._data) if end < 0 else end


def _decode(line: bytes) -> AdoptedDocument | None:
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    try:
        return AdoptedDocument(UUID(match[1].decode()), int(match[2], 16), str(json.loads(match[3])))
    except (ValueError, RecursionError):
        return None
