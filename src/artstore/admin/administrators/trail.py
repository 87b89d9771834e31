"""What the audit trail and the log are told of administrators."""

import getpass
from collections.abc import Mapping
from uuid import UUID

from artstore.admin.administrators import metrics
from artstore.admin.administrators.attempts import Attempt
from artstore.admin.administrators.means import Caller
from artstore.admin.administrators.repository import Known
from artstore.admin.audit import Action, Actor, ActorKind, AuditEntry, Json, Outcome
from artstore.kernel import tracing
from artstore.kernel.access import Principal
from artstore.kernel.logging import get_logger
from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType

_NOBODY = "unknown"
_log = get_logger(__name__)


def somebody(caller: Caller) -> Actor:
    """Whoever sends a request without a good token."""
    return Actor(ActorKind.UNKNOWN, address=caller.address, request_id=tracing.current_request_id())


def person(administrator_id: UUID, username: str, caller: Caller) -> Actor:
    return Actor(
        ActorKind.ADMINISTRATOR,
        id=str(administrator_id),
        name=username,
        address=caller.address,
        request_id=tracing.current_request_id(),
    )


def bearer(principal: Principal, caller: Caller) -> Actor:
    """The person or the service account with a good token."""
    kind = ActorKind.ADMINISTRATOR if principal.session_id else ActorKind.SERVICE_ACCOUNT
    request_id = tracing.current_request_id()
    return Actor(kind, principal.account_id, principal.username, caller.address, request_id)


def operator() -> Actor:
    """Who uses the command line. The name is the user's of the machine, for what it is worth."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in containers
        name = "unknown"
    return Actor(ActorKind.OPERATOR, name=name)


def of_administrator(
    action: Action,
    actor: Actor,
    administrator_id: UUID,
    details: Mapping[str, Json] | None = None,
) -> AuditEntry:
    return AuditEntry(action, actor, "administrator", str(administrator_id), details=details or {})


def of_ended_sessions(actor: Actor, ended: list[tuple[UUID, UUID]], reason: str) -> list[AuditEntry]:
    metrics.SESSIONS_ENDED.labels(reason).inc(len(ended))
    return [
        AuditEntry(
            Action.SESSION_ENDED,
            actor,
            "session",
            str(session_id),
            details={"administrator_id": str(administrator_id), "reason": reason},
        )
        for session_id, administrator_id in ended
    ]


def of_refusal(attempt: Attempt, known: Known | None, caller: Caller, what: str) -> list[AuditEntry]:
    """Entries for a counted attempt that failed; none during a lock, when nothing is counted.

    The name that was given stands in none: people type passwords into the wrong field.
    """
    subject = str(known.id) if known else _NOBODY
    if attempt.name_is_locked:
        _log.warning("a login was refused during a lock", administrator_id=subject, address=caller.address)
        return []
    actor = somebody(caller)
    _log.warning("a login was refused", administrator_id=subject, address=caller.address, what=what)
    entries = [
        AuditEntry(Action.LOGIN_REFUSED, actor, "administrator", subject, Outcome.REFUSED, {"what": what})
    ]
    if attempt.locked_until is not None:
        metrics.LOCKOUTS.labels("name").inc()
        until = attempt.locked_until.isoformat(timespec="seconds")
        entries.append(
            AuditEntry(Action.ADMINISTRATOR_LOCKED, actor, "administrator", subject, details={"until": until})
        )
    return entries


def refused() -> Problem:
    """The one answer for whatever was wrong: nobody learns from it which name, password or code is right."""
    return Problem(
        ProblemType.LOGIN_REFUSED,
        "The name, the password or the code is wrong, or there were too many attempts. After several "
        "failures wait a minute, after more of them longer.",
    )
