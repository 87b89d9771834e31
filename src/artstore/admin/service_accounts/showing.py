"""A generated secret reaches the person who starts Admin, once, and no log."""

import os
import sys
from contextlib import suppress
from pathlib import Path


class NowhereToShow(Exception):
    """There is neither a file nor a terminal."""


def show_once(client_id: str, secret: str, *, file: Path | None, terminal: bool) -> None:
    """Durable on return where it is a file, which only its owner may read. Raises NowhereToShow, OSError."""
    lines = f"client_id      {client_id}\nclient_secret  {secret}\n"
    if file is not None:
        _write_private(file, lines)
    elif terminal:
        # Not through the log, and not where a supervisor collects the output.
        sys.stderr.write(f"The first account was made. Keep its secret now, it is not shown again:\n{lines}")
        sys.stderr.flush()
    else:
        raise NowhereToShow


def _write_private(file: Path, text: str) -> None:
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    with suppress(FileNotFoundError):
        temporary.unlink()
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
    temporary.replace(file)
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
