"""An element as those who follow it know it: a history of changes, seen through its stream and its listing.

The model keeps the whole history, so that a test may give any part of it, in any order and any number of times, and
then compare what came of it with the truth.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from artstore.query.catalog.changes import Entry
from artstore.wire.documents import Document, DocumentState, ElementDocument, ElementDocumentPage
from artstore.wire.events import ElementEvent, EventKind

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


def document(file_id: UUID, *, owner: str = "owner", name: str = "note.txt", **fields: object) -> Document:
    at = BEGINNING + timedelta(seconds=file_id.int % 10_000)
    return Document.model_validate(
        {
            "file_id": file_id,
            "original_filename": name,
            "file_size": 1,
            "content_type": "text/plain",
            "checksum": "0" * 64,
            "created_at": at,
            "updated_at": at,
            "created_by_id": owner,
            "created_by_username": "somebody",
            **fields,
        }
    )


class ModelElement:
    """``adopted`` documents were there before the log began: they have the LSN 0 and no event."""

    def __init__(self, element_id: str = "rw-01", adopted: Iterable[UUID] = ()) -> None:
        self.element_id = element_id
        self.events: list[ElementEvent] = []
        self._latest: dict[UUID, tuple[int, Document | None]] = {}
        self.deletions_since = 0
        for file_id in adopted:
            self.adopt(file_id)

    @property
    def last_lsn(self) -> int:
        return len(self.events)

    def documents(self) -> dict[UUID, Document]:
        return {file_id: found for file_id, (_, found) in self._latest.items() if found is not None}

    def adopt(self, file_id: UUID) -> None:
        self._latest[file_id] = (0, document(file_id, description="adopted"))

    def change(self, kind: EventKind, file_id: UUID) -> None:
        """Put, update or delete a document, as far as its state allows; else change the mode."""
        lsn = self.last_lsn + 1
        exists = self._latest.get(file_id, (0, None))[1] is not None
        if kind is EventKind.MODE or (kind is not EventKind.PUT and not exists):
            self.events.append(
                ElementEvent(
                    lsn=lsn,
                    kind=EventKind.MODE,
                    element_id=self.element_id,
                    at=BEGINNING,
                    durable_at=BEGINNING,
                    mode="rw",
                )
            )
            return
        after = None if kind is EventKind.DELETE else document(file_id, description=f"as of {lsn}")
        self._latest[file_id] = (lsn, after)
        self.events.append(
            ElementEvent(
                lsn=lsn,
                kind=kind,
                element_id=self.element_id,
                at=BEGINNING,
                durable_at=BEGINNING,
                file_id=file_id,
                document=after,
            )
        )

    def rebuild_index(self, from_lsn: int) -> None:
        """The index is made anew from the files and the log after ``from_lsn``.

        It no longer knows what was deleted before, and gives every document that was not changed since one LSN.
        """
        self._latest = {
            file_id: (max(lsn, from_lsn), found)
            for file_id, (lsn, found) in self._latest.items()
            if found is not None or lsn > from_lsn
        }
        self.deletions_since = from_lsn

    def entries(self, lsns: Iterable[int]) -> list[Entry]:
        return [Entry(lsn, self.events[lsn - 1]) for lsn in lsns]

    def page(self, since: int, cursor: str | None, limit: int) -> ElementDocumentPage:
        """As the element's listing answers ``since_lsn``."""
        lsn, _, name = (cursor or f"{max(0, since)}/{'f' * 36 if since > 0 else ''}").partition("/")
        following = sorted(
            (changed, str(file_id), found)
            for file_id, (changed, found) in self._latest.items()
            if (changed, str(file_id)) > (int(lsn), name)
        )
        page = following[:limit]
        return ElementDocumentPage(
            items=[
                ElementDocument(
                    lsn=changed,
                    state=DocumentState.ACTIVE if found else DocumentState.DELETED,
                    file_id=UUID(file_id),
                    document=found,
                )
                for changed, file_id, found in page
            ],
            next_cursor=f"{page[-1][0]}/{page[-1][1]}" if len(following) > limit else None,
            last_lsn=self.last_lsn,
            deletions_since=self.deletions_since,
        )
