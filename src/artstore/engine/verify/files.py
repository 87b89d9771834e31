"""The rules of the folders of documents: every document with its attributes, and nothing else."""

import os
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import pydantic_core

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
from artstore.engine.description import ROOT
from artstore.engine.durable import is_temporary
from artstore.engine.layout import Layout
from artstore.engine.verify.log import Pending
from artstore.engine.verify.origins import Origin, Origins
from artstore.engine.verify.reading import check_bytes, fault_of, is_folder, read_at_most
from artstore.engine.verify.report import Report
from artstore.engine.verify.rules import Rule

_RULE_OF_FIELD = {
    "": Rule.A001,
    "schema_version": Rule.A004,
    SEAL: Rule.A006,
    "storage_path": Rule.N005,
    "storage_filename": Rule.N005,
}


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
        self._origins = origins
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
        attributes = self._parse(path, stored, data)
        if attributes is not None:
            origin = self._check_origin(stored, data, attributes)
            known = self._adopted_ids if origin is Origin.ADOPTED else ids
            if attributes.file_id in known:
                self._report.add(Rule.A005, path, attributes.file_id)
            known.add(attributes.file_id)
        return attributes

    def _parse(self, path: str, stored: str, data: bytes) -> FileAttributes | None:
        try:
            return parse(data, at=stored)
        except AttributesTooLarge:
            self._report.add(Rule.A002, path)
        except AttributesInvalid as error:
            self._report.add(_RULE_OF_FIELD.get(error.field, Rule.A003), path, error)
        return None

    def _check_origin(self, stored: str, data: bytes, attributes: FileAttributes) -> Origin:
        """At most one finding: who renames or moves a document breaks several rules at once."""
        origin = self._origins.of(stored, data, attributes)
        match origin:
            case Origin.UNSEALED:
                self._report.add(Rule.A006, attribute_name(stored))
            case Origin.CHANGED:
                self._report.add(Rule.A007, attribute_name(stored))
            case _:
                self._check_names(stored, data, attributes.file_id, own=origin is Origin.OWN)
        return origin

    def _check_names(self, stored: str, data: bytes, file_id: UUID, *, own: bool) -> None:
        folder, _, name = stored.rpartition("/")
        members = pydantic_core.from_json(data)
        told_name, told_path = members.get("storage_filename"), members.get("storage_path")
        if told_name != name and (own or not _names(told_name, name)):
            self._report.add(Rule.N001, stored, f"the attributes name it {told_name}")
        elif is_sealed(data) and told_path != stored:
            self._report.add(Rule.N002, stored, f"the attributes place it at {told_path}")
        elif own and created_at_of(file_id) is not None:
            if folder != f"files/{folder_of(file_id)}":
                self._report.add(Rule.N003, stored, f"its id places it in files/{folder_of(file_id)}")
            elif str(file_id) not in name:
                self._report.add(Rule.N004, stored, f"its id is {file_id}")

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


def _names(told: object, name: str) -> bool:
    """Whether attributes of another maker name a file: with its folder, or in another form of Unicode."""
    if told is None:
        return True  # the name is where the attributes lie
    bare = str(told).replace("\\", "/").rpartition("/")[2]
    return unicodedata.normalize("NFC", bare) == unicodedata.normalize("NFC", name)
