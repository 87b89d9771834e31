"""Follows the announcements of elements and keeps the last of each in PostgreSQL."""

import asyncio
import time

from artstore.admin import audit
from artstore.admin.storage_elements import repository
from artstore.kernel.database import Database, DatabaseDown
from artstore.kernel.logging import get_logger
from artstore.kernel.peers import ElementDirectory
from artstore.kernel.peers.directory import Source
from artstore.wire.elements import ANNOUNCEMENT_EXPIRES_SECONDS, ElementAnnouncement

_log = get_logger(__name__)
_LOOK_EVERY_SECONDS = 1.0
"""How long a change may be known here and not in the registry. A look without a change costs no query."""


class Registry:
    """Writes what an ElementDirectory knows. Several processes may do so at once: the newest state stays."""

    def __init__(self, database: Database, directory: ElementDirectory) -> None:
        self._database = database
        self._directory = directory
        self._recorded: dict[str, ElementAnnouncement] = {}
        self._watching_since: float | None = None

    async def follow(self) -> None:
        """Runs until it is cancelled. While PostgreSQL is away nothing is lost: the next look writes it."""
        while True:
            try:
                await self._record_changes()
                await self._mark_silent()
            except DatabaseDown as e:
                _log.warning("the registry of elements waits for the database", reason=e.reason)
            await asyncio.sleep(_LOOK_EVERY_SECONDS)

    async def _record_changes(self) -> None:
        changed = [
            element
            for element in self._directory.announced()
            if self._recorded.get(element.element_id) != element
        ]
        if not changed:
            return
        async with self._database.write() as connection:
            changes = await repository.record(connection, changed)
            if changes:
                await audit.append_all(connection, [_entry(change) for change in changes])
        self._recorded |= {element.element_id: element for element in changed}

    async def _mark_silent(self) -> None:
        """Say AWAY of elements that only the table knows, since they died before this process started.

        The directory says it of every element that it ever heard. Of the others it is true once Redis was
        watched for as long as an announcement lasts; once is enough, as one that speaks again is heard.
        """
        if self._directory.source is not Source.REDIS:
            self._watching_since = None
            return
        now = time.monotonic()
        if self._watching_since is None:
            self._watching_since = now
        elif now - self._watching_since > ANNOUNCEMENT_EXPIRES_SECONDS:
            async with self._database.write() as connection:
                await repository.mark_away_except(connection, list(self._recorded))
            self._watching_since = float("inf")


def _entry(change: repository.Change) -> audit.AuditEntry:
    """What the audit trail says of it. Who changed a mode is known to the element, which logs the request."""
    element, is_new = change.element, change.before is None
    details: dict[str, audit.Json] = {"mode": element.mode, "url": element.url}
    if change.before is not None:
        details["before"] = change.before
    return audit.AuditEntry(
        audit.Action.ELEMENT_REGISTERED if is_new else audit.Action.ELEMENT_MODE_CHANGED,
        audit.SYSTEM,
        "element",
        element.element_id,
        details=details,
    )
