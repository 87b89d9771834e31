"""Reading what is not a document: the log, the checkpoint, element.json, the list of adopted documents.

The log is read as it lies on disk, up to where it was flushed; what is being written behind that is no
concern of a scrub. Blocks: for a thread.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from artstore.engine.adopted import AdoptedList
from artstore.engine.description import (
    MAX_BYTES,
    DescriptionInvalid,
    is_sealed_description,
    parse_description,
)
from artstore.engine.layout import ElementDescription, Layout
from artstore.engine.log.checkpoint import CheckpointInvalid, decode_checkpoint
from artstore.engine.log.header import HEADER_BYTES, decode_header
from artstore.engine.log.log import Log
from artstore.engine.log.scan import Unreadable, scan_segment
from artstore.engine.log.segment import Released, Segment
from artstore.engine.scrub.limiter import Limiter
from artstore.engine.verify.origins import ListedOrigins
from artstore.engine.verify.rules import Rule

Problem = tuple[Rule, str, str]
"""A broken rule, the path of the file and what was found."""

_CHUNK_BYTES = 1 << 20


class RestingCheck:
    """Raises Stopped; what a disk says becomes a problem."""

    def __init__(self, layout: Layout, log: Log, adopted: AdoptedList | None, limiter: Limiter) -> None:
        self._layout = layout
        self._log = log
        self._adopted = adopted
        self._limiter = limiter

    def problems(self, description: ElementDescription) -> Iterator[Problem]:
        """``description`` is what the element is known to be."""
        yield from self._of_description()
        yield from self._of_checkpoint()
        yield from self._of_list(description)
        for segment in self._log.segments():
            yield from self._of_segment(segment)

    def origins(self, description: ElementDescription) -> ListedOrigins:
        """For checking attribute files: without a list that is whole, whatever can be adopted was."""
        damaged = any(True for _ in self._of_list(description))
        return ListedOrigins(None if damaged else self._adopted, unknown=damaged)

    def _of_description(self) -> Iterator[Problem]:
        name = self._layout.description.name
        try:
            data = self._read(self._layout.description, MAX_BYTES + 1)
            parse_description(data)
        except FileNotFoundError:
            yield Rule.E001, name, ""
        except OSError as error:
            yield Rule.E005, name, error.strerror or str(error)
        except DescriptionInvalid as error:
            yield Rule.E002, name, str(error)
        else:
            if not is_sealed_description(data):
                yield Rule.E006, name, ""

    def _of_checkpoint(self) -> Iterator[Problem]:
        path = self._layout.checkpoint
        name = f"{path.parent.name}/{path.name}"
        try:
            decode_checkpoint(self._read(path, MAX_BYTES))
        except FileNotFoundError:
            return  # rule or not: the element counts anew without it
        except OSError as error:
            yield Rule.E005, name, error.strerror or str(error)
        except CheckpointInvalid as error:
            yield Rule.W007, name, str(error)

    def _of_list(self, description: ElementDescription) -> Iterator[Problem]:
        if description.adopted is None:
            return
        path, expected = self._layout.adopted, description.adopted.list_sha256
        digest = hashlib.sha256()
        try:
            for chunk in self._chunks(path):
                digest.update(chunk)
        except FileNotFoundError:
            yield Rule.E007, path.name, ""
        except OSError as error:
            yield Rule.E005, path.name, error.strerror or str(error)
        else:
            if digest.hexdigest() != expected:
                yield Rule.E008, path.name, f"SHA-256 {digest.hexdigest()} instead of {expected}"

    def _of_segment(self, segment: Segment) -> Iterator[Problem]:
        name = f"{segment.path.parent.name}/{segment.path.name}"
        end, header = segment.end, segment.header
        try:
            with segment:  # it is not let go meanwhile
                data = self._read(segment.path, end)
        except (Released, FileNotFoundError):
            return
        except OSError as error:
            yield Rule.E005, name, error.strerror or str(error)
            return
        found, sound = decode_header(data)
        if found is None:
            yield Rule.W004, name, ""
        elif sound < 2:
            yield Rule.W005, name, ""
        if len(data) < end:
            yield Rule.W008, name, f"it was cut to {len(data)} bytes, and {end} were flushed"
        reached = HEADER_BYTES
        for item in scan_segment(data.ljust(end, b"\0"), header.first_lsn, header.salt):
            if isinstance(item, Unreadable):
                yield Rule.W001, name, f"bytes {item.start} to {item.end}"
            else:
                reached = item.offset + item.record.size
        if reached < end and not data[reached:].strip(b"\0"):
            yield Rule.W001, name, f"bytes {reached} to {end}: they are zeros"

    def _read(self, path: Path, limit: int) -> bytes:
        return b"".join(self._chunks(path, limit))

    def _chunks(self, path: Path, limit: int | None = None) -> Iterator[bytes]:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            size = os.fstat(descriptor).st_size
            end = size if limit is None else min(size, limit)
            for start in range(0, end, _CHUNK_BYTES):
                length = min(_CHUNK_BYTES, end - start)
                self._limiter.take(length)
                yield os.pread(descriptor, length, start)
        finally:
            os.close(descriptor)
