"""The rules of the folders of documents: every document with its attributes, and nothing else."""

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from artstore.attributes import ATTRIBUTE_SUFFIX, MAX_BYTES, FileAttributes, attribute_name
from artstore.engine.description import ROOT
from artstore.engine.durable import is_temporary
from artstore.engine.layout import Layout
from artstore.engine.verify.attributes import AttributeCheck
from artstore.engine.verify.log import Pending
from artstore.engine.verify.origins import Origin, Origins
from artstore.engine.verify.reading import check_bytes, fault_of, is_folder, read_at_most
from artstore.engine.verify.report import Report
from artstore.engine.verify.rules import Rule


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
    """Walks folders of the root once.

    ``.`` among ``folders`` is the root itself, without its folders and the element's own files.
    """

    def __init__(
        self,
        root: Path,
        report: Report,
        pending: Pending,
        *,
        folders: Iterable[str],
        origins: Origins,
        offline: bool,
        advance: Callable[[int, int], None],
    ) -> None:
        self._root = root
        self._report = report
        self._pending = pending
        self._folders = sorted(folders)
        self._attributes = AttributeCheck(origins, report.add)
        self._offline = offline
        self._advance = advance
        self._adopted_ids: set[UUID] = set()
        self.documents = 0
        self.sound = 0
        """Documents without any finding."""
        self.stored_bytes = 0
        """Of documents and attribute files as they lie there."""

    def run(self) -> None:
        waiting = [folder for folder in reversed(self._folders) if is_folder(self._root / folder)]
        while waiting:
            folder = waiting.pop()
            entries = self._sort(folder)
            self._check_folder(folder, entries)
            if folder != ROOT:
                waiting.extend(_join(folder, name) for name in sorted(entries.folders, reverse=True))

    def _sort(self, folder: str) -> _Folder:
        entries = _Folder()
        try:
            with os.scandir(self._root / folder) as scan:
                for entry in scan:
                    if folder != ROOT or entry.name not in Layout.own_files:
                        self._sort_entry(folder, entry, entries)
        except OSError as error:
            self._report.add(*fault_of(error, folder))
        return entries

    def _sort_entry(self, folder: str, entry: "os.DirEntry[str]", entries: _Folder) -> None:
        name, path = entry.name, _join(folder, entry.name)
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
        ids: set[UUID] = set()
        for stored in sorted(entries.attributes):
            found = len(self._report.findings)
            attributes = self._check_attributes(_join(folder, stored), ids)
            if attributes is not None and stored not in entries.irregular:
                self._check_bytes(_join(folder, stored), attributes)
            elif stored in entries.others and _join(folder, stored) not in self._pending.paths:
                with suppress(OSError):  # the finding is that of its attributes
                    self.stored_bytes += (self._root / folder / stored).lstat().st_size
            self.sound += len(self._report.findings) == found
        described = set(entries.attributes)
        for name in sorted(entries.others - described):
            path = _join(folder, name)
            if path not in self._pending.paths and attribute_name(name) not in entries.irregular:
                # Desktops leave hidden files behind; no document that ArtStore stored is one.
                self._report.add(Rule.O005 if name.startswith(".") else Rule.O001, path)

    def _check_attributes(self, stored: str, ids: set[UUID]) -> FileAttributes | None:
        """The valid attributes of a document whose bytes are to be checked.

        ``ids`` are those of the folder: an id that carries its time can be twice in one hour folder only.
        """
        path = attribute_name(stored)
        if stored in self._pending.paths:
            return None  # the file may be of before, of after, or half there; the log tells
        try:
            data = read_at_most(self._root / path, MAX_BYTES + 1)
        except OSError as error:
            self._report.add(*fault_of(error, path))
            return None
        self.documents += 1
        self.stored_bytes += len(data)
        checked = self._attributes.check(stored, data)
        if checked is None:
            return None
        attributes, origin = checked
        known = self._adopted_ids if origin is Origin.ADOPTED else ids
        if attributes.file_id in known:
            self._report.add(Rule.A005, path, attributes.file_id)
        known.add(attributes.file_id)
        return attributes

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


def _join(folder: str, name: str) -> str:
    return name if folder == ROOT else f"{folder}/{name}"
