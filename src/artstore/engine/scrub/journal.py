"""What the scrub remembers: ``scrub/journal.jsonl``, append-only within a pass, rewritten at its end.

A line that is torn or damaged says nothing, so that a torn end costs what was not flushed and no more. Kinds
of lines (``checked_lines`` tells how they are written)::

    begun    a pass began: its number and time
    folder   all documents of a folder were read since ``at``; ``unsound``: those that were not found right,
             each with the time when it last was, or null
    within   of a folder that is being read, everything up to the name ``after`` was read since ``at``
    finding  something wrong
    ended    the pass is complete

All of it is derived: whoever removes it loses when documents were verified, not more.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from artstore.engine.checked_lines import decode_line, encode_line
from artstore.engine.durable import disk_errors, make_folders, write_all, write_durably
from artstore.engine.scrub.findings import ScrubFinding

MAX_FINDINGS = 10_000
"""More are counted and not kept: whoever has so many has one cause to look for."""


@dataclass(frozen=True, slots=True)
class FolderRecord:
    """When the documents of one folder were verified last."""

    at: datetime
    unsound: Mapping[str, datetime | None] = field(default_factory=dict)
    """By stored name: what was not found right, and when it last was."""


@dataclass(slots=True)
class Pass:
    """One walk over the element."""

    number: int
    begun_at: datetime
    documents: int = 0
    bytes: int = 0
    findings: list[ScrubFinding] = field(default_factory=list)
    findings_count: int = 0
    ended_at: datetime | None = None
    unsure: int = 0
    """Folders that could not be judged, because the files did not catch up with the log."""


@dataclass(frozen=True, slots=True)
class Within:
    """How far a folder was read before an interruption."""

    folder: str
    at: datetime
    after: str
    documents: int
    bytes: int

    def beyond(self, after: str, documents: int, size: int) -> "Within":
        """The same after more was read."""
        return replace(self, after=after, documents=self.documents + documents, bytes=self.bytes + size)


class Journal:
    """What is known counts at once; ``flush`` and ``rewrite`` make it durable, from a thread, one at a time.

    They raise DiskFull, OSError.
    """

    def __init__(self, path: Path) -> None:
        """Reads what is there."""
        self._folder = path.parent
        self._path = path
        self._waiting: list[bytes] = []
        self._whole = True
        """Whether the file ends with a whole line."""
        self.changes = 0
        """Counts what was noted, for whoever keeps something made of this."""
        self.folders: dict[str, FolderRecord] = {}
        self.done: set[str] = set()
        """Folders of the pass that is under way."""
        self.current: Pass | None = None
        self.last: Pass | None = None
        """The last one that was complete."""
        self.within: Within | None = None
        for members in self._read():
            try:
                self._take(members)
            except (KeyError, TypeError, ValueError, AttributeError):
                continue

    def begin(self, at: datetime) -> None:
        number = self.last.number + 1 if self.last else 1
        self._note({"kind": "begun", "pass": number, "at": _text(at)})

    def folder_done(self, folder: str, record: FolderRecord, documents: int, size: int) -> None:
        unsound = {name: at and _text(at) for name, at in record.unsound.items()}
        members = {"kind": "folder", "folder": folder, "at": _text(record.at), "documents": documents}
        self._note({**members, "bytes": size, **({"unsound": unsound} if unsound else {})})

    def reached(self, within: Within) -> None:
        self._note({**asdict(within), "kind": "within", "at": _text(within.at)})

    def found(self, finding: ScrubFinding) -> None:
        self._note({"kind": "finding", **finding.to_json_object()})

    def end(self, at: datetime, unsure: int) -> None:
        """The pass is complete. What it did not see is forgotten."""
        self._note({"kind": "ended", "at": _text(at), "unsure": unsure})

    def rewrite(self) -> None:
        """After the end of a pass: puts what it came to in place of all that was noted. Durable on return."""
        make_folders(self._folder)
        write_durably(self._path, b"".join(map(encode_line, self._essence())))
        self._waiting.clear()
        self._whole = True

    def flush(self) -> None:
        """Makes what was noted durable."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        make_folders(self._folder)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        try:
            with disk_errors("note what was scrubbed"):
                write_all(descriptor, (b"" if self._whole else b"\n") + b"".join(waiting))
                os.fdatasync(descriptor)
            self._whole = True
        except BaseException:
            self._whole = False
            self._waiting = waiting + self._waiting
            raise
        finally:
            os.close(descriptor)

    def _note(self, members: dict[str, Any]) -> None:
        self._take(members)
        self._waiting.append(encode_line(members))

    def _take(self, members: dict[str, Any]) -> None:
        self.changes += 1
        match members["kind"]:
            case "begun":
                self.current = Pass(int(members["pass"]), datetime.fromisoformat(members["at"]))
                self.done, self.within = set(), None
            case "folder":
                self._take_folder(members)
            case "within":
                at, after = datetime.fromisoformat(members["at"]), str(members["after"])
                documents, size = int(members["documents"]), int(members["bytes"])
                self.within = Within(str(members["folder"]), at, after, documents, size)
            case "finding" if self.current is not None:
                self.current.findings_count += 1
                if len(self.current.findings) < MAX_FINDINGS:
                    self.current.findings.append(ScrubFinding.from_json_object(members))
            case "ended" if self.current is not None:
                self._take_end(members, self.current)

    def _take_folder(self, members: dict[str, Any]) -> None:
        told = members.get("unsound", {}).items()
        unsound = {str(name): datetime.fromisoformat(at) if at else None for name, at in told}
        folder = str(members["folder"])
        self.folders[folder] = FolderRecord(datetime.fromisoformat(members["at"]), unsound)
        if self.current is not None:
            self.done.add(folder)
            self.current.documents += int(members["documents"])
            self.current.bytes += int(members["bytes"])
            self.within = None

    def _take_end(self, members: dict[str, Any], ended: Pass) -> None:
        ended.ended_at, ended.unsure = datetime.fromisoformat(members["at"]), int(members["unsure"])
        if not ended.unsure:
            self.folders = {folder: self.folders[folder] for folder in self.done}
        self.last, self.current, self.done = ended, None, set()

    def _essence(self) -> Iterator[dict[str, Any]]:
        """Lines that say the same, without what was passed on the way."""
        assert self.last is not None
        assert self.last.ended_at is not None
        yield {"kind": "begun", "pass": self.last.number, "at": _text(self.last.begun_at)}
        for finding in self.last.findings:
            yield {"kind": "finding", **finding.to_json_object()}
        counted = {"documents": self.last.documents, "bytes": self.last.bytes}
        for folder, record in self.folders.items():
            unsound = {name: at and _text(at) for name, at in record.unsound.items()}
            members = {"kind": "folder", "folder": folder, "at": _text(record.at), **counted}
            yield {**members, **({"unsound": unsound} if unsound else {})}
            counted = {"documents": 0, "bytes": 0}
        yield {"kind": "ended", "at": _text(self.last.ended_at), "unsure": self.last.unsure}

    def _read(self) -> Iterable[dict[str, Any]]:
        try:
            data = self._path.read_bytes()
        except OSError:
            return
        self._whole = not data or data.endswith(b"\n")
        for line in data.split(b"\n"):
            members = decode_line(line)
            if members is not None:
                yield members


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
