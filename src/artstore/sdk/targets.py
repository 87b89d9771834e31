"""Where what is fetched goes: a file is replaced once all is there; a pipe or a device never is."""

from pathlib import Path


def followed(target: Path) -> Path:
    """The file, pipe or device that is meant by a link: to replace ``/dev/stdout`` itself would leave the
    machine without it."""
    return target.resolve() if target.is_symlink() and not target.is_dir() else target


def is_replaced(target: Path) -> bool:
    """Whether a file appears there, or is replaced; what else there is can only be written to."""
    return target.is_file() or not target.exists()
