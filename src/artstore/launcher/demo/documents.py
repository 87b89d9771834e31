"""The files that the demonstration stores: a folder, and one large file made for it."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

LARGE_BYTES = 300_000_000
LARGE_NAME = "300 MB of noise.bin"
_BLOCK_BYTES = 1 << 20


class NothingToStore(Exception):
    """The folder is not there, or holds no file."""


def samples_folder() -> Path:
    """The samples of the checkout that this program runs from, or those of the current folder."""
    import artstore

    places = [Path(artstore.__file__).parents[2] / "samples", Path("samples")]
    for place in places:
        if place.is_dir():
            return place
    raise NothingToStore("there are no samples here; name a folder of yours")


def files_below(folder: Path) -> Iterator[Path]:
    """All regular files below a folder, in a stable order. Links to folders are not followed: they may go
    round.

    A folder that cannot be read raises OSError: to leave it out in silence would lose documents.
    """

    def refuse(error: OSError) -> None:
        raise error

    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            if path.is_file():
                yield path


def make_large_file(folder: Path, size: int = LARGE_BYTES) -> Path:
    """A file of noise, which no compression anywhere can make small."""
    path = folder / LARGE_NAME
    noise = random.Random()
    with path.open("wb") as file:
        for begin in range(0, size, _BLOCK_BYTES):
            file.write(noise.randbytes(min(_BLOCK_BYTES, size - begin)))
    return path
