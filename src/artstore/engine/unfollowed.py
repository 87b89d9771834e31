"""What the log knows and the files do not show yet: an overlay by document that every reader asks first."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from artstore.attributes import FileId
from artstore.engine.effects import Effect
from artstore.engine.log.record import Kind, Lsn


@dataclass(slots=True)
class Unfollowed:
    """The state of one document after its last record."""

    lsn: Lsn
    """Of its last record."""
    storage_path: str
    attributes_lsn: Lsn | None
    """Of the record that holds its attributes; None when it was deleted."""
    content_lsn: Lsn | None = None
    """Of its put, while the bytes are not below ``files/``; None when they are."""
    staged: str | None = None
    """The staging file with the bytes, where the put does not hold them itself."""


class Overlay:
    """Holds no bytes and no attributes, only where in the log they are. For the event loop's thread only."""

    def __init__(self) -> None:
        self._entries: dict[FileId, Unfollowed] = {}
        self._through = Lsn(0)

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, file_id: FileId) -> Unfollowed | None:
        return self._entries.get(file_id)

    def items(self) -> Iterator[tuple[FileId, Unfollowed]]:
        return iter(list(self._entries.items()))

    def apply(self, lsn: Lsn, effect: Effect) -> None:
        """Takes account of a durable record; they come in the order of their LSNs.

        The follower may have been quicker than the one who tells of it here: then the files show it already.
        """
        if lsn <= self._through:
            return
        before = self._entries.get(effect.file_id)
        match effect.kind:
            case Kind.PUT:
                entry = Unfollowed(lsn, effect.storage_path, lsn, lsn, effect.staged)
            case Kind.UPDATE:
                entry = Unfollowed(lsn, effect.storage_path, lsn)
                if before is not None:
                    entry.content_lsn, entry.staged = before.content_lsn, before.staged
            case _:
                entry = Unfollowed(lsn, effect.storage_path, None)
        self._entries[effect.file_id] = entry

    def followed(self, through: Lsn, file_ids: Iterable[FileId]) -> None:
        """The files show everything up to ``through``; these documents are those that changed since last."""
        self._through = through
        for file_id in file_ids:
            entry = self._entries.get(file_id)
            if entry is None:
                continue
            if entry.lsn <= through:
                del self._entries[file_id]
            elif entry.content_lsn is not None and entry.content_lsn <= through:
                entry.content_lsn = entry.staged = None
