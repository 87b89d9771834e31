"""What keeps the system from starting.

LauncherError
├── CannotStart       a process did not come up; the message has the last lines of its log
│   └── PortTaken     a port that was given is in use
└── DataFolderInUse   another launcher works in the data folder
"""

from pathlib import Path


class LauncherError(Exception):
    """The system, or a part of it, cannot be run. The message is meant for the person at the terminal."""


class CannotStart(LauncherError):
    """A process ended before it was ready, or was not ready in time."""

    def __init__(self, name: str, reason: str, log: Path | None = None, *, since: int = 0) -> None:
        """``since``: where in the log this start begins; what is older explains nothing."""
        self.name = name
        self.log = log
        message = f"{name} cannot start: {reason}"
        if log is not None:
            message += f"\nThe end of {log}:\n{last_lines(log, since)}"
        super().__init__(message)


class PortTaken(CannotStart):
    """A port that somebody asked for by number is in use."""

    def __init__(self, name: str, host: str, port: int) -> None:
        self.port = port
        super().__init__(
            name, f"port {port} of {host} is in use; give another one, or none to have one chosen"
        )


class DataFolderInUse(LauncherError):
    """Two launchers would write the same databases and elements."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"{folder} is in use by another `artstore up` or `artstore demo`; stop that one first"
        )


_LINES = 20
_LINE_CHARACTERS = 500
_READ_BYTES = 64 * 1024


def last_lines(log: Path, since: int = 0) -> str:
    """The end of a log from a position on, indented, long lines cut; or a word about its absence."""
    try:
        with log.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(max(0, min(since, size), size - _READ_BYTES))
            lines = stream.read().decode("utf-8", "replace").splitlines()
    except OSError as error:
        return f"  (no log: {error.strerror})"
    return "\n".join(f"  {line[:_LINE_CHARACTERS]}" for line in lines[-_LINES:]) or "  (empty)"
