"""Named places in the write path where a test can make the process die, fail or wait.

Armed by the environment when the module is loaded, or by ``arm``; a no-op otherwise::

    ARTSTORE_FAILPOINTS="log.before_flush=kill@3;upload.staged=raise;files.before_flush=sleep:0.1"

``kill`` ends the process at once, as a power cut would end it (SIGKILL: nothing is cleaned up), ``raise``
raises FailpointHit, ``raise:ENOSPC`` an OSError with that number, ``sleep:S`` waits S seconds. ``@N`` lets
the first N-1 passes go and acts at the N-th only; without it every pass acts.

``NAMES`` lists all places, so that a test can visit each.
"""

import errno
import os
import signal
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

ENVIRONMENT: Final = "ARTSTORE_FAILPOINTS"

NAMES: Final = frozenset(
    {
        "upload.before_staging_flush",  # a large document: its bytes are written, not flushed
        "upload.undone",  # it was coded for nothing: its original bytes are written, not flushed
        "upload.staged",  # its bytes and its name in the staging folder are flushed
        "resumable.before_flush",  # bytes of a resumable upload are written, not flushed
        "resumable.flushed",  # they are durable, their number is not
        "resumable.noted",  # both are durable, nobody was told
        "resumable.committed",  # its document is durable, its state does not tell
        "resumable.dropped",  # the bytes that came are gone, for the document has coded ones of its own
        "batch.before_flush",  # documents of a batch are noted, not flushed
        "batch.noted",  # they are durably in the batch, nobody was told
        "batch.before_commit",  # all of them are about to be stored
        "batch.committed",  # they are, the batch does not tell
        "log.before_write",  # a batch is about to be written
        "log.before_flush",  # it is written, not flushed
        "log.after_flush",  # it is durable, nobody was told
        "segment.before_header",  # the file of a new segment is prepared
        "segment.created",  # it has its header and its name
        "files.before_batch",  # the files follower took a batch
        "files.before_attributes",  # a document's bytes are in place, its attributes are not
        "files.after_document",  # a document and its attributes are in place, not flushed
        "files.deleted_attributes",  # a document's attribute file is gone, its bytes are not
        "files.before_flush",  # a batch is in place, not flushed
        "files.before_checkpoint",  # it is flushed, the checkpoint does not tell
        "files.after_checkpoint",  # the checkpoint tells, the segments are still there
        "log.released",  # a segment was removed
        "close.told",  # the checkpoint tells that nothing follows in the log
        "close.trimmed",  # the last segment gave back the room that it did not use
        "recovery.scanned",  # the log was read, nothing was changed
        "recovery.cut",  # a torn tail was cut
        "recovery.cleaned",  # staging was cleaned, the checkpoint not yet written
    }
)


class FailpointHit(Exception):
    """A failpoint that was armed to raise."""


@dataclass
class Failpoint:
    """What happens at a place that is armed."""

    action: str
    argument: str
    at: int | None
    passes: int = 0
    guard: threading.Lock = field(default_factory=threading.Lock)

    def strike(self, name: str) -> None:
        with self.guard:
            self.passes += 1
            if self.at is not None and self.passes != self.at:
                return
        if self.action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.action == "sleep":
            time.sleep(float(self.argument))
        elif self.argument:
            code = getattr(errno, self.argument)
            raise OSError(code, os.strerror(code), name)
        else:
            raise FailpointHit(name)


def parse(text: str, names: frozenset[str] = NAMES) -> Mapping[str, Failpoint]:
    """What a setting arms, of the places ``names``. Raises ValueError for a name or an action that does not
    exist.
    """
    armed = {}
    for item in filter(None, (part.strip() for part in text.split(";"))):
        name, _, what = item.partition("=")
        what, _, count = what.partition("@")
        action, _, argument = what.partition(":")
        if name not in names:
            raise ValueError(f"there is no failpoint '{name}'")
        if action not in ("kill", "raise", "sleep"):
            raise ValueError(f"a failpoint cannot '{action}'")
        armed[name] = Failpoint(action, argument, int(count) if count else None)
    return armed


_armed = parse(os.environ.get(ENVIRONMENT, ""))


def arm(text: str) -> None:
    """Arms this process anew: a forked one has another environment by now. The empty text disarms it."""
    global _armed  # noqa: PLW0603 - the places are spread over the engine, and asked too often for more
    _armed = parse(text)


def hit(name: str) -> None:
    """Marks a place. Does nothing unless the environment armed it."""
    if _armed and name in _armed:
        _armed[name].strike(name)
