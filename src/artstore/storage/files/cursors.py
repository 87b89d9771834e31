"""Cursors of the listings: opaque to clients, checked when they come back."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType

_MAX_LSN = 2**63 - 1


@dataclass(frozen=True)
class TimeCursor:
    """Behind a document in the order of creation."""

    created_at: datetime
    file_id: UUID

    def encode(self) -> str:
        return _encode(f"t {self.created_at.isoformat()} {self.file_id.hex}")


@dataclass(frozen=True)
class ChangeCursor:
    """Behind a document in the order of its last change. Several may share an LSN after a rebuild."""

    lsn: int
    file_id: UUID

    def encode(self) -> str:
        return _encode(f"l {self.lsn} {self.file_id.hex}")


def decode_cursor(text: str) -> TimeCursor | ChangeCursor:
    """Raises Problem INVALID_CURSOR for what this service never gave out."""
    try:
        kind, place, file_id = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii").split(" ")
        match kind:
            case "t":
                at = datetime.fromisoformat(place)
                if at.tzinfo is None:
                    raise ValueError("a time without a zone")
                return TimeCursor(at, UUID(hex=file_id))
            case "l" if 0 <= int(place) <= _MAX_LSN:
                return ChangeCursor(int(place), UUID(hex=file_id))
    except ValueError:
        pass
    raise invalid_cursor()


def invalid_cursor() -> Problem:
    return Problem(
        ProblemType.INVALID_CURSOR,
        "The cursor is not one that this listing gave out; begin again without a cursor.",
        field="cursor",
    )


def _encode(text: str) -> str:
    return urlsafe_b64encode(text.encode("ascii")).rstrip(b"=").decode("ascii")
