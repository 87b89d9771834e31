"""Documents that are known to be damaged, so that none of them is served as good."""

from collections.abc import Callable, Iterator

from artstore.attributes import FileId


class KnownDamage:
    """For the event loop's thread, but for ``in``. A scrub tells of what it finds, reading of what it meets.

    ``told`` is called once for each document that becomes known, with the reason.
    """

    def __init__(self) -> None:
        self.changes = 0
        """Counts additions and removals, for whoever keeps something made of this."""
        self.told: Callable[[FileId, str], None] = lambda file_id, reason: None
        self._reasons: dict[FileId, str] = {}

    def __len__(self) -> int:
        return len(self._reasons)

    def __contains__(self, file_id: object) -> bool:
        return file_id in self._reasons

    def __iter__(self) -> Iterator[FileId]:
        return iter(list(self._reasons))

    def add(self, file_id: FileId, reason: str) -> None:
        if file_id not in self._reasons:
            self._reasons[file_id] = reason
            self.changes += 1
            self.told(file_id, reason)

    def forget(self, file_id: FileId) -> None:
        """It was read and is right, or it is gone."""
        if self._reasons.pop(file_id, None) is not None:
            self.changes += 1
