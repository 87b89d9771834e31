"""Blobs on a local disk."""

import contextlib
import errno
import os
import secrets
import stat
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from artstore.engine.absence import is_nowhere
from artstore.engine.blobs.contract import Abilities, BlobMissing, Entries
from artstore.engine.durable import (
    TEMPORARY_PREFIX,
    disk_errors,
    flush_file,
    flush_filesystem,
    flush_folder,
    is_temporary,
    make_folders,
    remove_behind,
    write_all,
)

_FEW = 4
"""Up to so many changed files are flushed one by one; for more, one flush of the file system is cheaper."""
_MAX_KNOWN_FOLDERS = 4096
_NO_LINKS = {errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS}


class LocalBlobs:
    """Blobs as plain files below ``root``, which is on one file system with the staging folder.

    A staged file is linked to its place and loses its first name only after the next flush: if it were
    renamed, a power cut might leave it in neither of the two folders, of which one may have been flushed.
    """

    abilities = Abilities(moves_staged=True, flushes=True, survives_delete=True)

    def __init__(self, root: Path) -> None:
        self._root = root
        self._prefix = f"{root}/"
        self._known_folders: set[str] = set()
        self._changed_folders: set[str] = set()
        self._written: list[str] = []
        self._placed: list[Path] = []
        """Staged files that have their new name too."""
        self._guard = threading.Lock()
        self._flushing = threading.Lock()
        self._token = secrets.token_hex(6)
        self._count = 0

    def check(self) -> None:
        self._root.stat()

    def put(self, path: str, data: bytes | memoryview) -> None:
        # As durable.write_behind, without its Path objects: two of these for each document make them half of
        # what following costs.
        folder = self._folder_of(path)
        temporary = self._temporary_in(folder)
        target = f"{self._prefix}{path}"
        with disk_errors(f"write {path}"):
            try:
                _fill(temporary, data)
                os.rename(temporary, target)  # noqa: PTH104 - see above
            except BaseException:
                self._known_folders.discard(folder)  # perhaps somebody removed it
                with contextlib.suppress(OSError):
                    os.unlink(temporary)  # noqa: PTH108 - see above
                raise
        with self._guard:
            self._written.append(target)

    def put_staged(self, path: str, staged: Path) -> None:
        folder = self._folder_of(path)
        target = self._root / path
        try:
            with disk_errors(f"place {path}"):
                if not (target.exists() and target.samefile(staged)):
                    self._link(staged, target, folder)
        except FileNotFoundError:
            if not target.exists():
                raise BlobMissing(path) from None
            return
        with self._guard:
            self._placed.append(staged)

    def _link(self, staged: Path, target: Path, folder: str) -> None:
        temporary = Path(self._temporary_in(folder))
        try:
            temporary.hardlink_to(staged)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            staged.rename(target)  # atomic on every file system that has no hard links and a journal
            return
        temporary.rename(target)

    def delete(self, path: str) -> bool:
        target = self._root / path
        removed = remove_behind(target)
        if removed:
            with self._guard:
                self._changed_folders.add(str(target.parent))
        return removed

    def flush(self) -> None:
        with self._flushing:  # whoever comes second must not return before what the first one took is flushed
            with self._guard:
                written, self._written = self._written, []
                placed, self._placed = self._placed, []
                folders, self._changed_folders = self._changed_folders, set()
            if len(written) + len(folders) > _FEW:
                flush_filesystem(self._root)
            else:
                self._flush_each(written, folders)
            for staged in placed:
                remove_behind(staged)

    def _flush_each(self, written: Iterable[str], folders: Iterable[str]) -> None:
        for path in written:
            with contextlib.suppress(FileNotFoundError):  # it was deleted again
                flush_file(Path(path))
        for folder in folders:
            with contextlib.suppress(FileNotFoundError):
                flush_folder(Path(folder))

    def open(self, path: str) -> "LocalReader":
        try:
            return LocalReader(os.open(f"{self._prefix}{path}", os.O_RDONLY | os.O_CLOEXEC))
        except OSError as error:
            if not (is_nowhere(error) or isinstance(error, IsADirectoryError)):
                raise
            raise BlobMissing(path) from None

    def read(self, path: str, limit: int) -> bytes:
        # Whoever walks over an element does this for each document.
        try:
            descriptor = os.open(f"{self._prefix}{path}", os.O_RDONLY | os.O_CLOEXEC)
            try:
                return os.read(descriptor, limit)
            finally:
                os.close(descriptor)
        except OSError as error:
            if not (is_nowhere(error) or isinstance(error, IsADirectoryError)):
                raise
            raise BlobMissing(path) from None

    def entries(self, folder: str) -> Entries:
        found = Entries()
        with _nothing_if_nowhere(), os.scandir(self._root / folder) as scan:
            for entry in scan:
                if entry.is_dir(follow_symlinks=False):
                    found.folders.append(entry.name)
                elif not is_temporary(entry.name):
                    found.blobs.append(entry.name)
        return found

    def names(self, folder: str) -> list[str]:
        return self.entries(folder).blobs

    def walk(self, folder: str) -> Iterator[tuple[str, int]]:
        waiting = [folder]
        while waiting:
            folder = waiting.pop()
            with _nothing_if_nowhere(), os.scandir(self._root / folder) as scan:
                for entry in scan:
                    path = f"{folder}/{entry.name}"
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(path)
                    elif not is_temporary(entry.name):
                        try:
                            size = entry.stat(follow_symlinks=False).st_size
                        except OSError as error:
                            if not is_nowhere(error):
                                raise
                        else:
                            yield path, size

    def clean(self, folder: str) -> int:
        try:
            with os.scandir(self._root / folder) as entries:
                left_over = [entry.name for entry in entries if is_temporary(entry.name)]
        except (FileNotFoundError, NotADirectoryError):
            return 0
        for name in left_over:
            remove_behind(self._root / folder / name)
        return len(left_over)

    def close(self) -> None:
        """Nothing is kept open."""

    def _folder_of(self, path: str) -> str:
        """The folder that a blob goes into; it exists afterwards, durable after the next flush."""
        folder = f"{self._prefix}{path.rpartition('/')[0]}"
        made = make_folders(Path(folder), flush=False) if folder not in self._known_folders else ()
        with self._guard:
            if len(self._known_folders) >= _MAX_KNOWN_FOLDERS:
                self._known_folders.clear()
            self._known_folders.add(folder)
            self._changed_folders.update(str(each.parent) for each in made)
            self._changed_folders.add(folder)
        return folder

    def _temporary_in(self, folder: str) -> str:
        with self._guard:
            self._count += 1
            return f"{folder}/{TEMPORARY_PREFIX}{self._token}{self._count}"


class LocalReader:
    """A file that is open: deleting its name does not disturb reading."""

    in_memory = False

    def __init__(self, descriptor: int) -> None:
        """Takes the descriptor over. Raises IsADirectoryError."""
        found = os.fstat(descriptor)
        if stat.S_ISDIR(found.st_mode):
            os.close(descriptor)
            raise IsADirectoryError
        self._descriptor: int | None = descriptor
        self.size = found.st_size

    def read_at(self, offset: int, length: int) -> bytes:
        if self._descriptor is None:
            raise ValueError("the reader is closed")
        return os.pread(self._descriptor, length, offset)

    def descriptor(self) -> int | None:
        return self._descriptor

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


@contextlib.contextmanager
def _nothing_if_nowhere() -> Iterator[None]:
    """Of a folder that is not there, nothing is found."""
    try:
        yield
    except OSError as error:
        if not is_nowhere(error):
            raise


def _fill(temporary: str, data: bytes | memoryview) -> None:
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
    try:
        if os.write(descriptor, data) != len(data):  # rare: larger than 2 GiB, or a signal
            os.lseek(descriptor, 0, os.SEEK_SET)
            write_all(descriptor, data)
    finally:
        os.close(descriptor)
