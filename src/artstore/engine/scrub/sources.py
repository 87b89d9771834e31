"""Where good copies of damaged files may come from."""

from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import Executor
from typing import Protocol

from artstore.attributes import AttributesError, FileAttributes, parse
from artstore.engine.effects import effect_of
from artstore.engine.errors import Damaged
from artstore.engine.log.log import Log
from artstore.engine.log.record import BodyInvalid, Delete, Lsn, ModeChange, Put, Record
from artstore.engine.log.segment import Released
from artstore.engine.threads import in_thread

_RECORDS_AT_ONCE = 500
_BYTES_AT_ONCE = 16 << 20


class RepairSource(Protocol):
    """Somebody who may have copies: the log, a backup, another element. What it gives is checked before use.

    May raise anything: then it has none now.
    """

    name: str

    async def attributes(self, storage_path: str) -> bytes | None:
        """The attribute file of the document at a path, as it was written last."""
        ...

    def document(self, attributes: FileAttributes) -> AsyncGenerator[bytes, None]:
        """The bytes of a document as they are stored, in pieces; none where it has them not."""
        ...


class LogSource:
    """Small documents and attributes that the log still has."""

    name = "log"

    def __init__(self, log: Log, threads: Executor) -> None:
        self._log = log
        self._threads = threads

    async def attributes(self, storage_path: str) -> bytes | None:
        return await in_thread(self._threads, self._last_attributes, storage_path)

    async def document(self, attributes: FileAttributes) -> AsyncGenerator[bytes, None]:
        content = await in_thread(self._threads, self._content, attributes.storage_path)
        if content is not None:
            yield content

    def _last_attributes(self, storage_path: str) -> bytes | None:
        last: bytes | None = None
        for record in self._records_of(storage_path):
            entry = record.entry()
            last = None if isinstance(entry, ModeChange | Delete) else bytes(entry.attributes)
        return last

    def _content(self, storage_path: str) -> bytes | None:
        for record in self._records_of(storage_path):
            entry = record.entry()
            if isinstance(entry, Put) and entry.content is not None:
                return bytes(entry.content)
        return None

    def _records_of(self, storage_path: str) -> Iterator[Record]:
        """The records of one document that the log has."""
        after = Lsn(self._log.first_lsn - 1)
        try:
            while records := self._log.read_after(after, _RECORDS_AT_ONCE, _BYTES_AT_ONCE):
                yield from (record for record in records if _concerns(record, storage_path))
                after = records[-1].lsn
        except (Released, Damaged):
            return


def _concerns(record: Record, storage_path: str) -> bool:
    try:
        effect = effect_of(record.entry())
    except BodyInvalid:
        return False
    return effect is not None and effect.storage_path == storage_path


def is_good_attribute_file(data: bytes, storage_path: str) -> bool:
    """Whether a copy may take the place of a damaged attribute file."""
    try:
        return parse(data, at=storage_path).storage_path == storage_path
    except AttributesError:
        return False
