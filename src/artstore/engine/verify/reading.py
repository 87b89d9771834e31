"""Reading what may be anything: never follows a link, never waits for a pipe, never takes more than asked.

What cannot be read becomes a finding, so that nothing on disk can stop a verification.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from artstore.attributes import FileAttributes
from artstore.engine.coding import Compared, compare
from artstore.engine.verify.report import Report
from artstore.engine.verify.rules import Rule

_CHUNK_BYTES = 1024 * 1024


class NotRegular(OSError):
    """The entry is not a regular file."""


@contextmanager
def regular_file(path: Path) -> Iterator[int]:
    """A descriptor of a regular file. Raises FileNotFoundError, NotRegular and other OSErrors."""
    if not stat.S_ISREG(path.lstat().st_mode):
        raise NotRegular(f"{path.name} is not a regular file")
    # Not to follow and not to wait, should the entry be replaced by a link or a pipe just now.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def read_at_most(path: Path, limit: int) -> bytes:
    """The file's first ``limit`` bytes."""
    parts: list[bytes] = []
    with regular_file(path) as descriptor:
        while limit > 0 and (part := os.read(descriptor, min(limit, _CHUNK_BYTES))):
            parts.append(part)
            limit -= len(part)
    return b"".join(parts)


def is_folder(path: Path) -> bool:
    """Whether there is a folder, not only a link to one."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False


def entries_of(folder: Path, report: Report) -> list[tuple[str, bool]]:
    """The names in a folder of the root and whether they are regular files; none where it is no folder."""
    if not is_folder(folder):
        return []
    try:
        with os.scandir(folder) as scan:
            return sorted((entry.name, entry.is_file(follow_symlinks=False)) for entry in scan)
    except OSError as error:
        report.add(*fault_of(error, folder.name))
        return []


def check_bytes(
    root: Path, path: str, attributes: FileAttributes, report: Report, advance: Callable[[int], None]
) -> int:
    """Compares the bytes at a path of the root with the attributes; returns how many there are.

    Raises FileNotFoundError; everything else becomes a finding.
    """
    expected = attributes.size_on_disk
    try:
        with regular_file(root / path) as descriptor:
            size = os.fstat(descriptor).st_size
            if size != expected:
                report.add(Rule.D002, path, f"{size} bytes instead of {expected}")
                return size
            compared = compare(attributes, _reading(descriptor, advance))
    except FileNotFoundError:
        raise
    except OSError as error:
        report.add(*fault_of(error, path))
        return 0
    for rule, detail in broken_rules(attributes, compared):
        report.add(rule, path, detail)
    return size


def broken_rules(attributes: FileAttributes, compared: Compared) -> Iterator[tuple[Rule, str]]:
    """What is wrong with a document of the right size: one thing at most, with what was found."""
    expected = attributes.checksum_on_disk
    if compared.stored_checksum != expected:
        yield Rule.D003, f"SHA-256 {compared.stored_checksum} instead of {expected}"
    elif compared.is_unknown:
        yield Rule.D005, compared.fault
    elif compared.fault:
        yield Rule.D004, compared.fault


def fault_of(error: OSError, path: str) -> tuple[Rule, str, str]:
    """The finding that an error of reading is."""
    if isinstance(error, NotRegular | NotADirectoryError | IsADirectoryError):
        return Rule.O004, path, ""
    if error.errno == errno.ENAMETOOLONG:
        return Rule.E005, path, "it lies too deep: the system opens no path of more than 4095 bytes"
    return Rule.E005, path, error.strerror or str(error)


def _reading(descriptor: int, advance: Callable[[int], None]) -> Callable[[int], bytes]:
    def read(length: int) -> bytes:
        data = os.read(descriptor, length)
        advance(len(data))
        return data

    return read
