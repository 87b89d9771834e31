"""Where what is fetched goes: a file is replaced once all is there; a pipe or a device never is."""

import os
import re
from pathlib import Path
from typing import BinaryIO

_MOST_LINKS = 40
"""As many as Linux follows."""


def followed(target: Path) -> Path:
    """The file that is meant by a link: the link itself stays."""
    if not target.is_symlink() or target.is_dir() or _descriptor(target) is not None:
        return target
    return Path(os.path.realpath(target))


def is_replaced(target: Path) -> bool:
    """Whether a file appears there, or is replaced; what else there is can only be written to.

    So it is with a file that this process has open (``-o /dev/stdout >> all``): whoever opened it goes on in
    it, and what is in it already stays.
    """
    return _descriptor(target) is None and (target.is_file() or not target.exists())


def opened(target: Path) -> BinaryIO:
    """What is not replaced, to be written to. Raises OSError."""
    number = _descriptor(target)
    # Opened anew it would be written from its beginning, whatever is in it.
    return target.open("wb") if number is None else os.fdopen(os.dup(number), "wb")


def _descriptor(target: Path) -> int | None:
    """Of an open file of this process, if that is what is named: ``/dev/stdout``, ``/dev/fd/3``."""
    own = re.compile(rf"/proc/{os.getpid()}/(task/[0-9]+/)?fd")
    for _ in range(_MOST_LINKS):
        if target.name.isdecimal() and own.fullmatch(os.path.realpath(target.parent)):
            return int(target.name)
        if not target.is_symlink():
            return None
        target = target.parent / target.readlink()
    return None
