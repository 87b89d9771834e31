"""The one way to write below an element's root, so that a crash leaves the old state or the new one.

Guaranteed, on a file system that honours ``fsync`` and atomic ``rename`` (ext4, XFS, btrfs, ZFS):
- ``write_durably``, ``move_durably`` and ``remove_durably`` have happened for good when they return;
- a reader sees the old file or the whole new one under a name, never a part; a crash leaves at most a
  temporary file, whose name starts with ``TEMPORARY_PREFIX``, which nobody refers to;
- the ``*_behind`` variants are as atomic for readers, and durable only after ``flush_filesystem`` or
  ``flush_file`` and ``flush_folder``; a crash before may leave any of them undone, in any order, or a name
  with too few bytes behind it. They are for what can be written again from the log.

Not guaranteed: network file systems that lie about flushing, disks that lose what they acknowledged, and
two processes writing the same name (the lock of the element prevents it). A failed flush is never tried
again for the same bytes: the kernel may have dropped the pages and report success the second time.

Errors: DiskFull where the disk or a quota is full, otherwise OSError. All calls block: call them from a
thread.
"""

import contextlib
import ctypes
import errno
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

from artstore.engine.errors import DiskFull

TEMPORARY_PREFIX = ".tmp-"
"""No stored name begins with a dot, so that what does can be removed by whoever opens the element."""

_WRITTEN = re.compile(r"\.tmp-[0-9a-f]{16}")
_WRITE_AT_ONCE = 8 * 1024 * 1024
_FOLDER_FLUSH_UNSUPPORTED = {errno.EINVAL, errno.ENOTSUP}
_FULL = {errno.ENOSPC, errno.EDQUOT}
_libc = ctypes.CDLL(None, use_errno=True)


def write_durably(target: Path, data: bytes | Iterable[bytes | memoryview]) -> int:
    """Puts ``data`` under ``target``, replacing what was there. Returns its bytes.

    Durable on return. On any failure ``target`` is as it was and no temporary file remains.
    """
    size = _write(target, data, flush=True)
    flush_folder(target.parent)
    return size


def write_behind(target: Path, data: bytes | Iterable[bytes | memoryview]) -> int:
    """Like ``write_durably``, durable only after the caller's flush. For what the log still holds."""
    return _write(target, data, flush=False)


def move_durably(source: Path, target: Path) -> None:
    """Renames a file whose bytes are flushed; both lie on one file system. Durable on return."""
    move_behind(source, target)
    flush_folder(target.parent)
    if source.parent != target.parent:
        flush_folder(source.parent)


def move_behind(source: Path, target: Path) -> None:
    """Like ``move_durably``, durable only after the caller's flush."""
    with disk_errors(f"move {source.name}"):
        source.replace(target)


def remove_durably(target: Path) -> bool:
    """Removes a file; False if there was none. Durable on return in either case."""
    removed = remove_behind(target)
    if target.parent.exists():
        flush_folder(target.parent)
    return removed


def remove_behind(target: Path) -> bool:
    """Like ``remove_durably``, durable only after the caller's flush."""
    try:
        target.unlink()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def make_folders(folder: Path, *, flush: bool = True) -> list[Path]:
    """Creates a folder and those above it that are missing; returns the new ones, topmost first.

    With ``flush`` they are durable on return; otherwise after the caller's flush of the parents.
    """
    missing: list[Path] = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    missing.reverse()
    for each in missing:
        with disk_errors(f"create the folder {each.name}"):
            each.mkdir(exist_ok=True)
        if flush:
            flush_folder(each.parent)
    return missing


def flush_file(path: Path) -> None:
    """Flushes the bytes and the size of one file."""
    _flush_path(path, os.O_RDONLY)


def flush_folder(folder: Path) -> None:
    """Flushes the names in a folder. Passes silently where the file system has no such operation."""
    try:
        _flush_path(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        # Some file systems refuse to flush a folder and keep names in order by themselves (as FUSE often
        # does). EIO is not among them: it means that names may be lost.
        if error.errno not in _FOLDER_FLUSH_UNSUPPORTED:
            raise


def flush_filesystem(folder: Path) -> None:
    """Flushes everything of the file system that holds ``folder``: one call for a whole batch.

    Reports an error of writing back since the folder was opened only from Linux 5.8 on.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if _libc.syncfs(descriptor) != 0:
            code = ctypes.get_errno()
            with disk_errors("flush"):
                raise OSError(code, os.strerror(code), str(folder))
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def disk_errors(operation: str) -> Iterator[None]:
    """Translates a full disk or quota into DiskFull; other OSErrors pass."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise DiskFull(operation) from error
        raise


def temporary_beside(target: Path) -> Path:
    """A name in the folder of ``target`` that nobody else uses."""
    return target.parent / f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}"


def is_temporary(name: str) -> bool:
    """Whether a name is one that a crash may have left and that may be removed."""
    return name.startswith(TEMPORARY_PREFIX)


def is_written_temporary(name: str) -> bool:
    """Whether a name is one that ``write_durably`` itself made up, and nobody else would."""
    return _WRITTEN.fullmatch(name) is not None


def _write(target: Path, data: bytes | Iterable[bytes | memoryview], *, flush: bool) -> int:
    temporary = temporary_beside(target)
    with disk_errors(f"write {target.name}"):
        try:
            size = _fill(temporary, (data,) if isinstance(data, bytes) else data, flush=flush)
            # Closed before the rename: some network file systems report a failed write only on close.
            temporary.replace(target)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
    return size


def _fill(temporary: Path, chunks: Iterable[bytes | memoryview], *, flush: bool) -> int:
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
    try:
        size = 0
        for chunk in chunks:
            size += write_all(descriptor, chunk)
        if flush:
            os.fsync(descriptor)
        found = os.fstat(descriptor).st_size
        if found != size:
            raise OSError(
                errno.EIO, f"{found} bytes are in the file after {size} were written", str(temporary)
            )
    finally:
        os.close(descriptor)
    return size


def write_all(descriptor: int, data: bytes | memoryview) -> int:
    """Writes the whole of ``data``; the system may take less than it is given. Returns its bytes."""
    view = memoryview(data).cast("B")
    done = 0
    while done < len(view):
        done += os.write(descriptor, view[done : done + _WRITE_AT_ONCE])
    return done


def _flush_path(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags | os.O_CLOEXEC)
    try:
        with disk_errors(f"flush {path.name}"):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
