"""What an element's events and listings mean for the catalog: pure, so that every order can be tried.

The *position* of an element is an LSN: every change up to it is in the catalog. A change at or below the
position is therefore known and skipped, however often and in which order it comes again. A catalog that knows
nothing of an element is below 0, so that it begins with the listing: documents that were there before the
element's log began have the LSN 0, and no event. When it forgets an element it goes to a number below 0 that
is nobody's, by which a listing that began before is told from the one that begins now.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from artstore.wire.documents import Document, DocumentState, ElementDocumentPage
from artstore.wire.events import ElementEvent, EventKind

NOTHING_KNOWN = -1
"""Where a catalog begins. Whatever is below 0 says the same: rows may be there, of a listing that was not
finished."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of an element's stream. ``event`` is None where this version cannot read it."""

    lsn: int
    event: ElementEvent | None


@dataclass(frozen=True, slots=True)
class DocumentChange:
    """The state of a document after the change ``lsn``. ``document`` is None where it was deleted."""

    file_id: UUID
    lsn: int
    document: Document | None


@dataclass(frozen=True, slots=True)
class Advance:
    """A step of the catalog: ``changes`` (each document once) bring it to ``position``.

    ``gap``: more was given, but what lies between is missing or unreadable, and must come from the
    element's listing.
    """

    position: int
    changes: list[DocumentChange]
    gap: bool = False


def new_beginning() -> int:
    """A position that says that nothing is known, and that no listing under way has begun at."""
    return -2 - random.getrandbits(60)


def by_events(position: int, entries: Iterable[Entry]) -> Advance:
    """What consecutive events after ``position`` change. Stops before the first hole."""
    latest: dict[UUID, DocumentChange] = {}
    for entry in sorted(entries, key=lambda entry: entry.lsn):
        if entry.lsn <= position:
            continue
        if entry.lsn > position + 1 or entry.event is None:
            return Advance(position, list(latest.values()), gap=True)
        change = _change(entry.event)
        if change is not None:
            latest[change.file_id] = change
        position = entry.lsn
    return Advance(position, list(latest.values()))


def by_listing(position: int, since: int, page: ElementDocumentPage) -> Advance:
    """What a page of the element's listing after ``since`` changes, all pages before it having been taken.

    Only the last page moves the position. Until then an LSN says little: after a rebuild of the element's
    index many documents share one, among them such as were changed long before.
    """
    if position < since or (since < 0 and position != since):
        return Advance(position, [], gap=True)
    changes = [change for change in told_by(page) if change.lsn > position]
    reached = position if page.next_cursor is not None else max(position, page.last_lsn)
    return Advance(reached, changes)


def told_by(page: ElementDocumentPage) -> list[DocumentChange]:
    """The state of each document of a page."""
    return [
        DocumentChange(item.file_id, item.lsn, item.document if item.state is DocumentState.ACTIVE else None)
        for item in page.items
    ]


def _change(event: ElementEvent) -> DocumentChange | None:
    if event.file_id is None:
        return None
    return DocumentChange(
        event.file_id, event.lsn, None if event.kind is EventKind.DELETE else event.document
    )


def is_readable(event: ElementEvent) -> bool:
    """Whether the event has all that its kind needs."""
    if event.kind is EventKind.MODE:
        return True
    return event.file_id is not None and (event.kind is EventKind.DELETE or event.document is not None)
