"""What an entry of the audit trail says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from fastapi import Request

from artstore.kernel import tracing
from artstore.kernel.access import Principal
from artstore.kernel.client_address import address_of
from artstore.wire.audit import Action, ActorKind, Outcome

Json = str | int | bool | None | list["Json"] | dict[str, "Json"]
"""What details may hold. No fractions: two programs may write one differently, and so hash differently."""


@dataclass(frozen=True)
class Actor:
    """Who did it. ``id`` and ``name`` are those of the account or administrator, where one is known."""

    kind: ActorKind
    id: str | None = None
    name: str | None = None
    address: str | None = None
    """Where the request came from."""
    request_id: str | None = None


SYSTEM: Final = Actor(ActorKind.SYSTEM, name="Admin")
"""Admin by itself: at its start, on schedule, for what it hears of elements."""


def actor_of(request: Request, principal: Principal) -> Actor:
    """The service account or the person behind a request."""
    person = principal.session_id is not None
    return Actor(
        ActorKind.ADMINISTRATOR if person else ActorKind.SERVICE_ACCOUNT,
        id=principal.account_id,
        name=principal.username,
        address=address_of(request.scope),
        request_id=tracing.current_request_id(),
    )


@dataclass(frozen=True)
class AuditEntry:
    """One act. ``subject_id`` is that of what it was done to, of the kind ``subject_kind`` (``account``, …).

    ``details`` holds what else matters: old and new values, reasons. Never a secret, a hash of one, a token,
    or an attribute of a document.
    """

    action: Action
    actor: Actor
    subject_kind: str
    subject_id: str
    outcome: Outcome = Outcome.DONE
    details: Mapping[str, Json] = field(default_factory=dict)
