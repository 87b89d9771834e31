"""Writing the checkpoint of an open element."""

from collections.abc import Callable, Mapping
from pathlib import Path

from artstore.engine.followers import Position
from artstore.engine.log.checkpoint import Checkpoint, write_checkpoint
from artstore.engine.log.log import Log
from artstore.engine.log.record import Lsn


class Checkpointing:
    """For any thread. ``followers`` gives the positions of those outside."""

    def __init__(
        self, path: Path, element_id: str, log: Log, followers: Callable[[], Mapping[str, Lsn]]
    ) -> None:
        self._path = path
        self._element_id = element_id
        self._log = log
        self._followers = followers

    def write(self, files: Position, *, closed: bool = False) -> Lsn:
        """Makes positions durable; up to the LSN that is returned, nobody needs the log any more."""
        followers = self._followers()
        checkpoint = Checkpoint(
            element_id=self._element_id,
            files_lsn=files.lsn,
            last_lsn=self._log.durable_lsn,
            used_bytes=files.used_bytes,
            documents=files.documents,
            closed=closed,
            followers=followers,
        )
        write_checkpoint(self._path, checkpoint)
        return min(files.lsn, *followers.values(), files.lsn)
