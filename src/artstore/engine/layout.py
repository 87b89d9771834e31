"""Where everything lies below an element's root, and how a root is made."""

import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from artstore.attributes import ATTRIBUTE_SUFFIX, RetentionPolicy, attribute_name, folder_of
from artstore.engine.absence import is_nowhere
from artstore.engine.description import (
    FILES,
    MAX_BYTES,
    ROOT,
    DescriptionInvalid,
    ElementDescription,
    Mode,
    parse_description,
)
from artstore.engine.durable import is_temporary, make_folders, write_durably
from artstore.engine.errors import NotAnElement

__all__ = [
    "FORMAT_PAGE",
    "DescriptionInvalid",
    "ElementDescription",
    "Layout",
    "Mode",
    "create_element",
    "describe",
    "is_segment_name",
    "make_root",
    "parse_description",
    "place_format_page",
    "read_description",
    "storage_path_of",
    "write_description",
]

FORMAT_PAGE = Path(__file__).with_name("FORMAT.md")


class Layout:
    """The paths of one element. Makes nothing; ``create_element`` does."""

    own_files = frozenset({"element.json", "FORMAT.md", "adopted.jsonl"})
    """Names of files in the root that are no documents."""

    def __init__(self, root: Path, folders: Iterable[str] = (FILES,)) -> None:
        self.root = root
        self.folders = tuple(folders)
        """Those of the root in which documents lie; ``.`` for the root itself, without its folders."""
        self.description = root / "element.json"
        self.format_page = root / "FORMAT.md"
        self.files = root / "files"
        self.staging = root / "staging"
        self.wal = root / "wal"
        self.checkpoint = self.wal / "checkpoint.json"
        self.lock = self.wal / "lock"
        self.quarantine = root / "quarantine"
        self.adopted = root / "adopted.jsonl"
        self.journal = root / "scrub" / "journal.jsonl"

    def segment(self, first_lsn: int) -> Path:
        """The segment of the log whose first record is ``first_lsn``."""
        return self.wal / f"{first_lsn:020d}.log"

    def segments(self) -> list[Path]:
        """The segments that exist, oldest first."""
        if not self.wal.is_dir():
            return []
        return sorted(path for path in self.wal.iterdir() if is_segment_name(path.name))

    def document(self, storage_path: str) -> Path:
        """The bytes of a document. ``storage_path`` is trusted: it comes from valid attributes."""
        return self.root / storage_path

    def attribute_file(self, storage_path: str) -> Path:
        """The attribute file of a document."""
        return self.root / attribute_name(storage_path)

    def find(self, file_id: UUID) -> str | None:
        """The storage path of a document whose id carries its time, looked up in its hour folder.

        Reads one folder, no file. None if the id carries no time or nothing is there.
        """
        try:
            folder = f"files/{folder_of(file_id)}"
        except ValueError:
            return None
        wanted = str(file_id)
        try:
            names = [path.name for path in (self.root / folder).iterdir()]
        except (FileNotFoundError, NotADirectoryError):
            return None
        for name in names:
            if wanted in name and name.endswith(ATTRIBUTE_SUFFIX):
                return f"{folder}/{name.removesuffix(ATTRIBUTE_SUFFIX)}"
        return None

    def attribute_files(self, after: str | None = None) -> Iterator[str]:
        """The storage paths of all documents in the order of their parts; in ``files/`` the oldest first.

        ``after`` continues behind a path that an earlier walk gave; it need not exist any more.
        """
        start = after.split("/") if after else []
        for entry, begin in _following(self.root, start):
            if begin is None:
                if ROOT in self.folders and entry.name not in self.own_files:
                    yield entry.name.removesuffix(ATTRIBUTE_SUFFIX)
            elif entry.name in self.folders:
                yield from _walk(entry.path, entry.name, begin)

    def root_files(self) -> Iterator[tuple[str, int]]:
        """Paths and sizes of the files in the root that are or may be of documents."""
        if ROOT in self.folders:
            with os.scandir(self.root) as entries:
                for entry in entries:
                    own = entry.name in self.own_files or is_temporary(entry.name)
                    if entry.is_file(follow_symlinks=False) and not own:
                        yield entry.name, entry.stat(follow_symlinks=False).st_size


def storage_path_of(folder: str, stored: str) -> str:
    """The ``storage_path`` of a stored name in an hour folder."""
    return f"{FILES}/{folder}/{stored}"


def is_segment_name(name: str) -> bool:
    """Whether a name in ``wal/`` is that of a segment."""
    return len(name) == 24 and name.endswith(".log") and name[:20].isascii() and name[:20].isdigit()


def create_element(
    root: Path, element_id: str, mode: Mode, now: datetime, retention: RetentionPolicy | None = None
) -> ElementDescription:
    """Makes an element of an empty or missing folder; ``element.json`` comes last, durable on return.

    May be repeated after an interruption. Raises NotAnElement where other things already lie there.
    """
    layout = Layout(root)
    stranger = _stranger(layout)
    if stranger is not None:
        reason = f"it is not empty ({stranger} lies there) and has no element.json; an archive can be adopted"
        raise NotAnElement(root, f"{reason}: artstore storage adopt")
    make_root(layout)
    description = describe(element_id, mode, now, retention)
    write_description(layout, description)
    return description


def describe(
    element_id: str, mode: Mode, now: datetime, retention: RetentionPolicy | None = None
) -> ElementDescription:
    """The description of a new element."""
    implied = RetentionPolicy.TEMPORARY if mode is Mode.EDIT else RetentionPolicy.PERMANENT
    return ElementDescription(element_id, mode, retention or implied, now.astimezone(UTC))


def make_root(layout: Layout) -> None:
    """Makes the folders and the format page of an element where they are missing; durable on return."""
    make_folders(layout.files)
    make_root_without_files(layout)


def make_root_without_files(layout: Layout) -> None:
    """The same for an element whose documents lie elsewhere."""
    for folder in (layout.root, layout.staging, layout.wal, layout.quarantine):
        make_folders(folder)
    place_format_page(layout)


def place_format_page(layout: Layout) -> None:
    """Puts the copy of FORMAT.md into the root, unless the same one is there."""
    page = FORMAT_PAGE.read_bytes()
    if not layout.format_page.is_file() or layout.format_page.read_bytes() != page:
        write_durably(layout.format_page, page)


def write_description(layout: Layout, description: ElementDescription) -> None:
    """Replaces ``element.json``; durable on return."""
    write_durably(layout.description, description.to_bytes())


def read_description(layout: Layout) -> ElementDescription:
    """What ``element.json`` says. Raises NotAnElement where it is missing, invalid or of another format."""
    try:
        with layout.description.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise NotAnElement(layout.root, f"element.json cannot be read ({error.strerror})") from error
    try:
        return parse_description(data)
    except DescriptionInvalid as error:
        raise NotAnElement(layout.root, f"element.json is not valid: {error}") from error


def _stranger(layout: Layout) -> str | None:
    """Something that lies in a root without being of an element that is being made."""
    if not layout.root.is_dir():
        return None
    ours = {layout.format_page.name, "files", "staging", "wal", "quarantine", "lost+found"}
    for path in sorted(layout.root.iterdir()):
        if path.name not in ours and not is_temporary(path.name):
            return path.name
    documents = (Path(folder) / name for folder, _, names in os.walk(layout.files) for name in names)
    return next((str(path.relative_to(layout.root)) for path in documents), None)


def _walk(folder: str, relative: str, start: list[str]) -> Iterator[str]:
    """Folders of any depth, so without calling itself."""
    entered = [(relative, _following(folder, start))]
    while entered:
        relative, entries = entered[-1]
        if (found := next(entries, None)) is None:
            entered.pop()
            continue
        entry, begin = found
        if begin is None:
            yield f"{relative}/{entry.name.removesuffix(ATTRIBUTE_SUFFIX)}"
        else:
            entered.append((f"{relative}/{entry.name}", _following(entry.path, begin)))


def _following(folder: str | Path, start: list[str]) -> Iterator[tuple["os.DirEntry[str]", list[str] | None]]:
    """The attribute files and folders of a folder in order, from ``start`` on; where each folder begins."""
    try:
        with os.scandir(folder) as scan:
            entries = sorted(scan, key=lambda entry: entry.name)
    except OSError as error:
        if not is_nowhere(error):
            raise
        return
    first = start[0] if start else ""
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            if entry.name >= first:
                yield entry, (start[1:] if entry.name == first else [])
        elif _is_attribute_file(entry.name) and (not start or entry.name > attribute_name(first)):
            yield entry, None


def _is_attribute_file(name: str) -> bool:
    return name.endswith(ATTRIBUTE_SUFFIX) and not is_temporary(name)
