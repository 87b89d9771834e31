"""What a listing may be narrowed to; the same for rows of the index and for changes it has not taken yet."""

from dataclasses import dataclass
from datetime import datetime

from artstore.attributes import FileAttributes
from artstore.wire.documents import DocumentState


@dataclass(frozen=True)
class Filters:
    """Whatever is None lets everything through."""

    owners: frozenset[str] | None = None
    """Values of ``created_by_id``."""
    created_from: datetime | None = None
    """The first moment of creation that is let through."""
    created_to: datetime | None = None
    """The first moment of creation that is not."""
    state: DocumentState | None = None

    def let_through(self, document: FileAttributes) -> bool:
        """Whether a document that exists is among those that are asked for."""
        at = document.created_at
        return (
            (self.owners is None or document.created_by_id in self.owners)
            and (self.created_from is None or at >= self.created_from)
            and (self.created_to is None or at < self.created_to)
            and self.state is not DocumentState.DELETED
        )
