"""What elements report of documents: those that expire, legal holds.

A report may come again, from an element that did not get the answer. What an entry would say is left out
where the newest one about the document says just that.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from artstore.admin.audit import repository
from artstore.admin.audit.appending import append_all
from artstore.admin.audit.entry import Actor, AuditEntry
from artstore.kernel.database import Database
from artstore.kernel.problems import Problem
from artstore.wire.audit import Action, ActorKind, ExpiryReport, HoldReport
from artstore.wire.problems import ProblemType

CLOCKS_DIFFER: Final = timedelta(minutes=5)
_SUBJECT: Final = "document"


async def record_expiries(database: Database, report: ExpiryReport) -> None:
    """Raises Problem INVALID_PARAMETER where the clock of the element tells another time than Admin's: one of
    them is wrong, and documents must not go for it.
    """
    apart = abs(datetime.now(UTC) - report.at)
    if apart > CLOCKS_DIFFER:
        raise Problem(
            ProblemType.INVALID_PARAMETER,
            f"The clocks of the element and of Admin differ by {int(apart.total_seconds())} seconds; set them"
            " right, nothing expires before.",
            field="at",
        )
    actor = Actor(ActorKind.SYSTEM, name=report.element_id)
    await _append_new(
        database,
        [
            AuditEntry(
                Action.DOCUMENT_EXPIRED,
                actor,
                _SUBJECT,
                str(document.file_id),
                details={
                    "element_id": report.element_id,
                    "expires_at": document.expires_at.isoformat(),
                    "owner_id": document.owner_id,
                },
            )
            for document in report.documents
        ],
    )


async def record_hold(database: Database, report: HoldReport) -> None:
    actor = Actor(
        report.account_kind, id=report.account_id, name=report.account_name, request_id=report.request_id
    )
    entry = AuditEntry(
        report.action,
        actor,
        _SUBJECT,
        str(report.file_id),
        details={
            "element_id": report.element_id,
            "owner_id": report.owner_id,
            "reason": report.reason,
            "since": report.since.isoformat(),
        },
    )
    await _append_new(database, [entry])


async def _append_new(database: Database, entries: Sequence[AuditEntry]) -> None:
    async with database.write() as connection:
        await repository.hold_appends(connection)  # two of one report at once would both be new
        last = await repository.last_of_subjects(
            connection, _SUBJECT, [entry.subject_id for entry in entries]
        )
        new = {
            entry.subject_id: entry
            for entry in entries
            if last.get(entry.subject_id) != (entry.action.value, entry.details)
        }
        if new:
            await append_all(connection, list(new.values()))
