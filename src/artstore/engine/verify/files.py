"""The rules of ``files/``: every document with its attributes, and nothing else."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from artstore.attributes import (
    ATTRIBUTE_SUFFIX,
    MAX_BYTES,
    AttributesInvalid,
    AttributesTooLarge,
    FileAttributes,
    attribute_name,
    created_at_of,
    folder_of,
    is_sealed,
    parse,
)
from artstore.attributes.seal import SEAL
from artstore.engine.durable import is_temporary
from artstore.engine.verify.log import Pending
from artstore.engine.verify.reading import check_bytes, fault_of, is_folder, read_at_most
from artstore.engine.verify.report import Report
from artstore.engine.verify.rules import Rule

_RULE_OF_FIELD = {"": Rule.A001, "schema_version": Rule.A004, SEAL: Rule.A006}


@dataclass(slots=True)
class _Folder:
    """The entries of one folder by kind."""

    folders: list[str] = field(default_factory=list)
    attributes: list[str] = field(default_factory=list)
    """Stored names that have an attribute file."""
    others: set[str] = field(default_factory=set)
    """Regular files that are no attribute files: the bytes of documents."""
    irregular: set[str] = field(default_factory=set)


class FilesCheck:
    """Walks ``files/`` once. ``stored_bytes`` counts documents and attribute files as they lie there."""

    def __init__(
        self,
        root: Path,
        report: Report,
        pending: Pending,
        *,
        offline: bool,
        advance: Callable[[int, int], None],
    ) -> None:
        self._root = root
        self._report = report
        self._pending = pending
        self._offline = offline
        self._advance = advance
        self._timeless_ids: set[UUID] = set()
        self.documents = 0
        self.stored_bytes = 0

    def run(self) -> None:
        waiting = ["files"] if is_folder(self._root / "files") else []
        while waiting:
            folder = waiting.pop()
            entries = self._sort(folder)
            self._check_folder(folder, entries)
            waiting.extend(f"{folder}/{name}" for name in sorted(entries.folders, reverse=True))

    def _sort(self, folder: str) -> _Folder:
        entries = _Folder()
        try:
            with os.scandir(self._root / folder) as scan:
                for entry in scan:
                    self._sort_entry(folder, entry, entries)
        except OSError as error:
            self._report.add(*fault_of(error, folder))
        return entries

    def _sort_entry(self, folder: str, entry: "os.DirEntry[str]", entries: _Folder) -> None:
        name, path = entry.name, f"{folder}/{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            entries.folders.append(name)
        elif not entry.is_file(follow_symlinks=False):
            entries.irregular.add(name)
            self._report.add(Rule.O004, path)
        elif is_temporary(name):
            self._report.add(Rule.O002, path)
        elif name.endswith(ATTRIBUTE_SUFFIX):
            entries.attributes.append(name.removesuffix(ATTRIBUTE_SUFFIX))
        else:
            entries.others.add(name)

    def _check_folder(self, folder: str, entries: _Folder) -> None:
        timed_ids: set[UUID] = set()
        for stored in sorted(entries.attributes):
            attributes = self._check_attributes(folder, stored, timed_ids)
            if attributes is not None and stored not in entries.irregular:
                self._check_bytes(f"{folder}/{stored}", attributes)
        described = set(entries.attributes)
        for name in sorted(entries.others - described):
            path = f"{folder}/{name}"
            if path not in self._pending.paths and attribute_name(name) not in entries.irregular:
                # Desktops leave hidden files behind; no document that ArtStore stored is one.
                self._report.add(Rule.O005 if name.startswith(".") else Rule.O001, path)

    def _check_attributes(self, folder: str, stored: str, timed_ids: set[UUID]) -> FileAttributes | None:
        """The valid attributes of a document whose bytes are to be checked."""
        bytes_path = f"{folder}/{stored}"
        path = attribute_name(bytes_path)
        if bytes_path in self._pending.paths:
            return None  # the file may be of before, of after, or half there; the log tells
        try:
            data = read_at_most(self._root / path, MAX_BYTES + 1)
        except OSError as error:
            self._report.add(*fault_of(error, path))
            return None
        self.documents += 1
        self.stored_bytes += len(data)
        attributes = self._parse(path, data)
        if attributes is not None:
            if created_at_of(attributes.file_id) is not None and not is_sealed(data):
                self._report.add(Rule.A006, path)
            self._check_names(folder, stored, attributes)
            ids = self._timeless_ids if created_at_of(attributes.file_id) is None else timed_ids
            if attributes.file_id in ids:
                self._report.add(Rule.A005, path, attributes.file_id)
            ids.add(attributes.file_id)
        return attributes

    def _parse(self, path: str, data: bytes) -> FileAttributes | None:
        try:
            return parse(data)
        except AttributesTooLarge:
            self._report.add(Rule.A002, path)
        except AttributesInvalid as error:
            self._report.add(_RULE_OF_FIELD.get(error.field, Rule.A003), path, error)
        return None

    def _check_names(self, folder: str, stored: str, attributes: FileAttributes) -> None:
        """At most one finding: who renames or moves a document breaks several rules at once."""
        path = f"{folder}/{stored}"
        timed = created_at_of(attributes.file_id) is not None
        if attributes.storage_filename != stored:
            self._report.add(Rule.N001, path, f"the attributes name it {attributes.storage_filename}")
        elif not _tells(attributes.storage_path, folder, stored, exact=timed):
            self._report.add(Rule.N002, path, f"the attributes place it at {attributes.storage_path}")
        elif timed and folder != f"files/{folder_of(attributes.file_id)}":
            self._report.add(Rule.N003, path, f"its id places it in files/{folder_of(attributes.file_id)}")
        elif timed and str(attributes.file_id) not in stored:
            self._report.add(Rule.N004, path, f"its id is {attributes.file_id}")

    def _check_bytes(self, path: str, attributes: FileAttributes) -> None:
        self._report.documents += 1
        try:
            size = check_bytes(
                self._root, path, attributes, self._report, lambda count: self._advance(0, count)
            )
        except FileNotFoundError:
            if not self._offline:
                self._report.add(Rule.D001, path)
        else:
            self.stored_bytes += size
            self._report.bytes += size
        self._advance(1, 0)


def _tells(storage_path: str, folder: str, stored: str, *, exact: bool) -> bool:
    """Whether ``storage_path`` tells where a document lies.

    Archives of other makers, whose ids carry no time, may name the folder only, or begin below ``files``.
    """
    if exact:
        return storage_path == f"{folder}/{stored}"
    below = folder.removeprefix("files").lstrip("/")
    places = {folder, below, f"{folder}/{stored}", f"{below}/{stored}".lstrip("/")}
    return storage_path.rstrip("/") in places
