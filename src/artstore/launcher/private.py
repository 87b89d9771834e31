"""Files and folders that nobody else on the machine may read: secrets, configuration, sockets."""

import os
import secrets
import stat
import tempfile
from pathlib import Path

SOCKET_PATH_BYTES = 107
"""What ``sockaddr_un`` holds on Linux, less the terminating zero."""
_READ_OTHERWISE = frozenset(b',"\\\n')


_REMEMBERED = "socket-folder"


def private_folder(path: Path) -> Path:
    """Creates a folder with mode 0700 (those above it as usual); one that exists is closed to others."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if stat.S_IMODE(path.stat().st_mode) != 0o700:
        path.chmod(0o700)
    return path


def write_private(path: Path, text: str) -> None:
    """Replaces a file as a whole, mode 0600, durably: a crash leaves the old content or the new, never a
    part.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def keep_private(path: Path, text: str) -> None:
    """Like ``write_private``, but leaves a file alone that has the text already: no flush for nothing."""
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_private(path, text)


def secret(path: Path) -> str:
    """The secret kept in a file, 256 random bits as URL-safe text; generated when it is absent."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        value = secrets.token_urlsafe(32)
        write_private(path, value + "\n")
        return value


def socket_folder(preferred: Path, file_name: str) -> Path:
    """A folder closed to others in which a Unix socket named ``file_name`` can be bound.

    That is ``preferred`` unless the path would be longer than a socket address holds, or has a sign that
    PostgreSQL or Redis reads otherwise (a comma parts folders, and hosts); then a short folder outside it,
    remembered in ``preferred`` so that a crash leaves one behind, not one for each start.
    """
    if _fits(preferred / file_name):
        return private_folder(preferred)
    remembered = private_folder(preferred) / _REMEMBERED
    if remembered.exists():
        folder = Path(remembered.read_text(encoding="utf-8").strip())
        if _is_ours(folder) and _fits(folder / file_name):
            return folder
    folder = Path(tempfile.mkdtemp(prefix="artstore-"))
    if not _fits(folder / file_name):
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="artstore-", dir="/tmp"))
    write_private(remembered, f"{folder}\n")
    return folder


def give_up_socket_folder(preferred: Path, folder: Path) -> None:
    """Removes a folder that ``socket_folder`` made outside ``preferred``, once nothing is bound in it."""
    if folder != preferred and _is_ours(folder) and not any(folder.iterdir()):
        folder.rmdir()
        (preferred / _REMEMBERED).unlink(missing_ok=True)


def _fits(path: Path) -> bool:
    name = os.fsencode(path.absolute())
    return len(name) <= SOCKET_PATH_BYTES and not set(name) & _READ_OTHERWISE


def _is_ours(folder: Path) -> bool:
    """Whether a remembered folder is still the one we made, and not something that another user put there."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return (
        stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) == 0o700
    )
