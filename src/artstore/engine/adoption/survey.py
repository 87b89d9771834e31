"""Looking at a root before anything is done: whether it can be adopted, and where its documents lie."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from artstore.attributes import ATTRIBUTE_SUFFIX
from artstore.engine.adopted import AdoptedList
from artstore.engine.description import FILES, OWN_FOLDERS, ROOT
from artstore.engine.durable import is_temporary
from artstore.engine.errors import EngineError
from artstore.engine.layout import Layout, is_segment_name
from artstore.engine.log.header import HEADER_BYTES

_PAGE_BEGINS = b"# The format of an ArtStore storage element"
_EMPTY = ("staging", "quarantine", "scrub")
"""Folders of an element that an archive may have, but nothing in them."""


class CannotAdopt(EngineError):
    """Nothing was changed."""

    def __init__(self, root: Path, reason: str) -> None:
        super().__init__(f"{root} cannot be adopted: {reason}")
        self.root = root
        self.reason = reason


@dataclass(frozen=True)
class Survey:
    """What lies in a root. Documents and bytes are as many as there seem to be, for showing progress."""

    folders: tuple[str, ...]
    """Of the root, those that hold documents, beside ``files``; ``.`` where some lie in the root itself."""
    documents: int
    bytes: int


def refuse_collisions(layout: Layout) -> None:
    """Raises CannotAdopt where an archive without ``element.json`` has things that the element would take
    for its own. What an interrupted adoption left is no obstacle.
    """
    for folder in _EMPTY:
        _refuse_any(layout, folder, frozenset())
    segments = {path.name for path in layout.segments() if _has_no_records(path)}
    _refuse_any(layout, layout.wal.name, frozenset({layout.lock.name, layout.checkpoint.name, *segments}))
    for path, is_ours in ((layout.format_page, _is_format_page), (layout.adopted, _is_list)):
        if os.path.lexists(path) and not (path.is_file() and is_ours(path)):
            raise CannotAdopt(layout.root, f"its {path.name} is not of ArtStore, which keeps another there")


def survey(layout: Layout, known: tuple[str, ...]) -> Survey:
    """Walks over the names. ``known`` folders are documents' also where none is left in them.

    Raises CannotAdopt where there is no attribute file, OSError.
    """
    found, documents, size = set(known), 0, 0
    for name, path in _places(layout):
        here, bytes_here = _count(path, below=name != ROOT)
        if here:
            found.add(name)
        documents, size = documents + here, size + bytes_here
    if not documents:
        raise CannotAdopt(layout.root, f"no file in it ends with {ATTRIBUTE_SUFFIX}")
    return Survey(tuple(sorted(found - {FILES})), documents, size)


def _places(layout: Layout) -> Iterator[tuple[str, Path]]:
    yield ROOT, layout.root
    with os.scandir(layout.root) as entries:
        folders = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    for name in folders:
        if name not in OWN_FOLDERS:
            yield name, layout.root / name


def _count(folder: str | Path, *, below: bool) -> tuple[int, int]:
    """Attribute files in a folder, and bytes of all other files."""
    documents = size = 0
    waiting = [folder]
    while waiting:
        with suppress(OSError), os.scandir(waiting.pop()) as entries:  # the check tells
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    is_attributes = entry.name.endswith(ATTRIBUTE_SUFFIX)
                    documents += is_attributes
                    size += 0 if is_attributes else entry.stat(follow_symlinks=False).st_size
                elif below and entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
    return documents, size


def _refuse_any(layout: Layout, folder: str, ours: frozenset[str]) -> None:
    path = layout.root / folder
    if not os.path.lexists(path):
        return
    if path.is_symlink() or not path.is_dir():
        raise CannotAdopt(layout.root, f"it has a {folder}, where ArtStore keeps a folder; rename it")
    for name in sorted(entry.name for entry in path.iterdir()):
        if name not in ours and not is_temporary(name):
            reason = f"{folder}/{name} is there, and ArtStore keeps its own things in {folder}/"
            raise CannotAdopt(layout.root, f"{reason}; rename the folder")


def _has_no_records(segment: Path) -> bool:
    with segment.open("rb") as file:
        return is_segment_name(segment.name) and not any(file.read()[HEADER_BYTES:])


def _is_format_page(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_PAGE_BEGINS)) == _PAGE_BEGINS


def _is_list(path: Path) -> bool:
    adopted = AdoptedList(path)
    try:
        return path.stat().st_size == 0 or next(iter(adopted), None) is not None
    finally:
        adopted.close()
