"""What is on a disk after a power cut, told from a trace of everything that a process did to its files.

The trace comes from ``forgetful.c``, which is preloaded into the process. From it two sorts of disk are made:

- ``strict``: nothing survives that was not flushed. Bytes survive by a flush of their file, names (new, moved,
  removed) by a flush of their folder, both by a flush of the file system. It is harsher than any real file
  system: a new file that was flushed is gone unless its folder was, too.
- ``random``: of what was not flushed, some survives: any of the pages that were written, of each file by
  itself, and the first so many of the changes of names, since file systems keep those in order and make each
  whole or not at all.

What the process was promised by a flush must be on both.
"""

import os
import random
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

_ENTRY = struct.Struct("<BiqII")
_PAGE = 4096


class Kind(IntEnum):
    OPEN = 1
    WRITE = 2
    TRUNCATE = 3
    RENAME = 4
    UNLINK = 5
    MKDIR = 6
    FLUSH = 7
    FLUSH_ALL = 8
    CLOSE = 9
    RMDIR = 10
    LINK = 11


def build(folder: Path) -> Path:
    """Compiles the library that is to be preloaded."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    assert compiler is not None, "the lost-flush tests need a C compiler"
    library = folder / "forgetful.so"
    source = Path(__file__).with_name("forgetful.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-Wall", "-o", library, source, "-ldl"], check=True)
    return library


def environment(library: Path, root: Path, trace: Path, drop: str = "") -> dict[str, str]:
    """For the process. ``drop``: flushes of files with this in their path are treated as if not made."""
    variables = {"LD_PRELOAD": str(library), "FORGETFUL_ROOT": str(root), "FORGETFUL_TRACE": str(trace)}
    return {**variables, "FORGETFUL_DROP": drop} if drop else variables


@dataclass(eq=False)
class File:
    """``pending``: writes (offset, bytes) and truncations (size, None) since the last flush."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)

    def flush(self) -> None:
        for offset, data in self.pending:
            _apply(self.durable, offset, data)
        self.pending.clear()


@dataclass(eq=False)
class Folder:
    """``names`` as the process sees them, ``durable`` as of the last flush."""

    names: dict[str, "File | Folder"] = field(default_factory=dict)
    durable: dict[str, "File | Folder"] = field(default_factory=dict)

    def flush(self) -> None:
        self.durable = dict(self.names)


Change = tuple[tuple[Folder, str, "File | Folder | None"], ...]
"""What one call does to names: in which folder, which name, what it stands for afterwards."""


class Disk:
    """Follows a trace from its beginning."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._top = Folder()
        self._open: dict[int, File | Folder] = {}
        self._changes: list[Change] = []

    def follow(self, trace: Path) -> "Disk":
        for kind, descriptor, offset, first, second in _entries(trace.read_bytes()):
            self._do(kind, descriptor, offset, first, second)
        return self

    def strict(self, target: Path) -> None:
        """Writes the disk without anything that was not flushed."""
        _write(self._top, target, lambda folder: folder.durable, lambda file: bytes(file.durable))

    def random(self, target: Path, seed: int) -> None:
        """Writes the disk with a part of what was not flushed."""
        choice = random.Random(seed)
        names: dict[Folder, dict[str, File | Folder]] = {}
        for change in self._changes[: choice.randint(0, len(self._changes))]:
            for folder, name, node in change:
                kept = names.setdefault(folder, dict(folder.durable))
                if node is None:
                    kept.pop(name, None)
                else:
                    kept[name] = node
        odds = choice.choice([0.1, 0.5, 0.9, 1.0])

        def content(file: File) -> bytes:
            survived = bytearray(file.durable)
            for offset, data in file.pending:
                for at, page in _pages(offset, data):
                    if choice.random() < odds:
                        _apply(survived, at, page)
            return bytes(survived)

        _write(self._top, target, lambda folder: names.get(folder, folder.durable), content)

    def _do(self, kind: Kind, descriptor: int, offset: int, first: str, second: bytes) -> None:
        match kind:
            case Kind.OPEN:
                self._opened(descriptor, first, flags=offset)
            case Kind.CLOSE:
                self._open.pop(descriptor, None)
            case Kind.WRITE:
                self._written(descriptor, offset, second)
            case Kind.TRUNCATE:
                self._written(descriptor, offset, None)
            case Kind.MKDIR:
                self._change((*self._place(first), Folder()))
            case Kind.UNLINK | Kind.RMDIR:
                self._change((*self._place(first), None))
            case Kind.RENAME:
                source, name = self._place(first)
                self._change((*self._place(second.decode()), source.names[name]), (source, name, None))
            case Kind.LINK:
                source, name = self._place(first)
                self._change((*self._place(second.decode()), source.names[name]))
            case Kind.FLUSH:
                flushed = self._open[descriptor]
                flushed.flush()
                if isinstance(flushed, Folder):
                    self._forget_durable_changes(flushed)
            case Kind.FLUSH_ALL:
                _flush_all(self._top)
                self._changes.clear()

    def _opened(self, descriptor: int, path: str, flags: int) -> None:
        if path == self._root:
            self._open[descriptor] = self._top
            return
        folder, name = self._place(path)
        if name not in folder.names:
            self._change((folder, name, File()))
        node = self._open[descriptor] = folder.names[name]
        if flags & os.O_TRUNC and isinstance(node, File):
            node.pending.append((0, None))

    def _written(self, descriptor: int, offset: int, data: bytes | None) -> None:
        node = self._open[descriptor]
        assert isinstance(node, File)
        node.pending.append((offset, data))

    def _place(self, path: str) -> tuple[Folder, str]:
        """The folder and the name that a path means. The root itself stands in a folder that is flushed."""
        folder = self._top
        parts = path[len(self._root) :].strip("/").split("/")
        for part in parts[:-1]:
            below = folder.names[part]
            assert isinstance(below, Folder)
            folder = below
        return folder, parts[-1]

    def _change(self, *change: tuple[Folder, str, "File | Folder | None"]) -> None:
        if change[0][1] == "":  # the root itself was made
            return
        for folder, name, node in change:
            if node is None:
                folder.names.pop(name, None)
            else:
                folder.names[name] = node
        self._changes.append(change)

    def _forget_durable_changes(self, flushed: Folder) -> None:
        """What a flush of a folder made durable is no longer a question, also where it was undone since."""
        left = (tuple(part for part in change if part[0] is not flushed) for change in self._changes)
        self._changes = [change for change in left if change]


def _entries(trace: bytes) -> Iterator[tuple[Kind, int, int, str, bytes]]:
    at = 0
    while at + _ENTRY.size <= len(trace):
        kind, descriptor, offset, first, second = _ENTRY.unpack_from(trace, at)
        at += _ENTRY.size
        if at + first + second > len(trace):  # the process was killed in the middle of telling
            return
        yield (
            Kind(kind),
            descriptor,
            offset,
            trace[at : at + first].decode(),
            trace[at + first : at + first + second],
        )
        at += first + second


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
        content.extend(bytes(offset - len(content)))
    else:
        content.extend(bytes(max(0, offset - len(content))))
        content[offset : offset + len(data)] = data


def _pages(offset: int, data: bytes | None) -> Iterator[tuple[int, bytes | None]]:
    """The parts of a write that a disk may write one without the other."""
    if data is None:
        yield offset, None
        return
    at = offset
    while at < offset + len(data):
        end = min(offset + len(data), (at // _PAGE + 1) * _PAGE)
        yield at, data[at - offset : end - offset]
        at = end


def _flush_all(folder: Folder) -> None:
    for node in {*folder.names.values(), *folder.durable.values()}:
        _flush_all(node) if isinstance(node, Folder) else node.flush()
    folder.flush()


def _write(
    folder: Folder,
    target: Path,
    names: Callable[[Folder], dict[str, "File | Folder"]],
    content: Callable[[File], bytes],
) -> None:
    target.mkdir()
    for name, node in names(folder).items():
        if isinstance(node, Folder):
            _write(node, target / name, names, content)
        else:
            (target / name).write_bytes(content(node))
