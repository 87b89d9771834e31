"""How far the followers are, and what the element holds as of then: a small file beside the segments.

It is an optimization of recovery, never the truth: without it, or with a damaged one, the whole log is
followed again and the element's files are counted.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crc32c import crc32c

from artstore.engine.durable import write_durably
from artstore.engine.log.record import Lsn

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """``used_bytes`` and ``documents`` are those of ``files/`` with everything up to ``files_lsn`` in it."""

    element_id: str
    files_lsn: Lsn
    last_lsn: Lsn
    """Of the last record that was durable when this was written: no LSN up to here is given again."""
    used_bytes: int
    """Documents and attribute files, as they lie on disk."""
    documents: int
    closed: bool
    """Whether the log was closed properly after this was written, so that nothing follows ``last_lsn``."""
    followers: Mapping[str, Lsn] = field(default_factory=dict)
    """What followers outside the engine acknowledged."""

    def to_bytes(self) -> bytes:
        members: dict[str, Any] = {
            "format": FORMAT,
            "element_id": self.element_id,
            "files_lsn": self.files_lsn,
            "last_lsn": self.last_lsn,
            "used_bytes": self.used_bytes,
            "documents": self.documents,
            "closed": self.closed,
            "followers": dict(sorted(self.followers.items())),
        }
        return _encode({**members, "crc32c": crc32c(_encode(members))})


class CheckpointInvalid(ValueError):
    """The file is there and cannot be trusted."""


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Replaces the checkpoint; durable on return. Raises DiskFull, OSError."""
    write_durably(path, checkpoint.to_bytes())


def decode_checkpoint(data: bytes) -> Checkpoint:
    """What the file says. Raises CheckpointInvalid. Takes any bytes.

    ``crc32c`` is that of the same JSON without that member, written as ``to_bytes`` writes it.
    """
    try:
        members = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise CheckpointInvalid(f"it is not JSON ({error})") from error
    if not isinstance(members, dict) or members.get("format") != FORMAT:
        raise CheckpointInvalid("it is not of a known format")
    checksum = members.pop("crc32c", None)
    if checksum != crc32c(_encode(members)):
        raise CheckpointInvalid("its checksum is wrong")
    try:
        return Checkpoint(
            element_id=str(members["element_id"]),
            files_lsn=Lsn(int(members["files_lsn"])),
            last_lsn=Lsn(int(members["last_lsn"])),
            used_bytes=int(members["used_bytes"]),
            documents=int(members["documents"]),
            closed=bool(members["closed"]),
            followers={str(name): Lsn(int(lsn)) for name, lsn in members["followers"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointInvalid(f"a member is missing or wrong ({error})") from error


def _encode(members: Mapping[str, Any]) -> bytes:
    return (json.dumps(members, indent=1) + "\n").encode()
