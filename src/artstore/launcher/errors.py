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

    def __init__(self, name: str, reason: str, log: Path | None = None) -> None:
        self.name = name
        self.log = log
        message = f"{name} cannot start: {reason}"
        if log is not None:
            message += f"\nThe end of {log}:\n{last_lines(log)}"
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


def last_lines(log: Path, count: int = 20, most_bytes: int = 16_384) -> str:
    """The end of a log, indented, or a word about its absence."""
    try:
        with log.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(max(0, size - most_bytes))
            lines = stream.read().decode("utf-8", "replace").splitlines()
    except OSError as error:
        return f"  (no log: {error.strerror})"
    return "\n".join(f"  {line}" for line in lines[-count:]) or "  (empty)"
