"""Refused accesses, as services report them: an entry for each account or address, route and minute."""

from datetime import UTC, datetime, timedelta
from typing import Final

from artstore.admin.audit import repository
from artstore.admin.audit.appending import append_all
from artstore.admin.audit.entry import Actor, AuditEntry
from artstore.kernel.database import Database
from artstore.kernel.problems import Problem
from artstore.wire.audit import Action, ActorKind, Outcome, RefusalCount, RefusalReport
from artstore.wire.problems import ProblemType

_OLDEST: Final = timedelta(hours=24)
_CLOCKS_DIFFER: Final = timedelta(minutes=5)


async def record(database: Database, report: RefusalReport) -> None:
    """Append what a report says, unless it was recorded before. Raises Problem INVALID_PARAMETER."""
    now, minute = datetime.now(UTC), report.minute
    if not now - _OLDEST <= minute <= now + _CLOCKS_DIFFER or minute.second or minute.microsecond:
        raise Problem(
            ProblemType.INVALID_PARAMETER,
            "'minute' (in the body) cannot be accepted: it is no full minute of the last 24 hours.",
            field="minute",
        )
    minute = minute.astimezone(UTC)
    async with database.write() as connection:
        if await repository.take_report(connection, report.instance, minute):
            # Reports this old are refused above, so nobody needs to remember them.
            await repository.forget_reports_before(connection, now - 2 * _OLDEST)
            await append_all(connection, [_entry(report, minute, one) for one in report.refusals])


def _entry(report: RefusalReport, minute: datetime, refused: RefusalCount) -> AuditEntry:
    known = refused.account_id is not None
    return AuditEntry(
        Action.ACCESS_REFUSED,
        Actor(
            refused.account_kind if known else ActorKind.UNKNOWN,
            id=refused.account_id,
            name=refused.account_name,
            address=refused.address,
        ),
        "route",
        f"{refused.method} {refused.route}",
        Outcome.REFUSED,
        {
            "count": refused.count,
            "minute": minute.strftime("%Y-%m-%dT%H:%MZ"),
            "service": report.service,
            "status": refused.status,
        },
    )
