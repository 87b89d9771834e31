"""Counting what documents take, from a walk over everything that lies where documents lie."""

from artstore.attributes import ATTRIBUTE_SUFFIX


class Counting:
    """Takes paths and sizes in any order. A file without attributes beside it is nobody's and not counted.

    Remembers those whose other half did not come yet; where folders come one after the other, few.
    """

    def __init__(self) -> None:
        self.used_bytes = 0
        """Of attribute files and of the documents that they describe."""
        self.documents = 0
        self._waiting: dict[str, int] = {}
        """Sizes of files whose attributes did not come yet."""
        self._described: set[str] = set()
        """Documents whose bytes did not come yet."""

    def add(self, path: str, size: int) -> None:
        if path.endswith(ATTRIBUTE_SUFFIX):
            stored = path.removesuffix(ATTRIBUTE_SUFFIX)
            self.documents += 1
            self.used_bytes += size
            if stored in self._waiting:
                self.used_bytes += self._waiting.pop(stored)
            else:
                self._described.add(stored)
        elif path in self._described:
            self._described.discard(path)
            self.used_bytes += size
        else:
            self._waiting[path] = size
