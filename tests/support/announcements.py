"""Elements as they announce themselves, for tests that care about one or two facts of them."""

from datetime import UTC, datetime
from typing import Any

from artstore.wire.elements import ElementAnnouncement, ElementHealth, Mode, RegisteredElement

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
"""When they announced themselves, unless a test says otherwise."""
_FACTS: dict[str, Any] = {
    "url": "http://127.0.0.1:8010",
    "mode": Mode.RW,
    "capacity_bytes": 1000,
    "used_bytes": 0,
    "free_bytes": 1000,
    "documents": 0,
    "last_lsn": 0,
    "health": ElementHealth.OK,
    "max_file_bytes": 500,
    "started_at": NOW,
    "announced_at": NOW,
}


def announced(element_id: str = "e1", **changes: Any) -> ElementAnnouncement:
    """An empty, healthy ``rw`` element of 1000 bytes, but for ``changes``."""
    return ElementAnnouncement(element_id=element_id, **_FACTS | changes)


def registered(element_id: str = "e1", **changes: Any) -> RegisteredElement:
    """The same, with what the registry says of it."""
    return RegisteredElement(element_id=element_id, **_FACTS | changes)
