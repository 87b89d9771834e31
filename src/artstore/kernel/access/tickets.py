"""Verification of tickets (``wire.tickets``), with the keys and the list of ended tokens of access tokens."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from artstore.kernel.access.claims import check_times, count, invalid_token, key_id, signed_claims
from artstore.kernel.access.keys import KeySource
from artstore.kernel.access.principal import Principal
from artstore.kernel.access.revocations import RevocationList
from artstore.kernel.client_address import is_within
from artstore.kernel.problems import Problem
from artstore.wire.accounts import EPOCH_CLAIM
from artstore.wire.problems import ProblemType
from artstore.wire.scopes import Scope
from artstore.wire.tickets import ADDRESS_CLAIM, FILE_CLAIM, TICKET_AUDIENCE

_READING = frozenset({Scope.FILES_READ, Scope.FILES_ALL})


@dataclass(frozen=True, slots=True)
class Admission:
    """What a good ticket lets its bearer fetch."""

    file_id: UUID
    principal: Principal
    """May read every document: which one is asked for is not the bearer's to say. It stands for the account
    that let the document be fetched, for limits and for the end of its tokens."""


class TicketVerifier:
    """``now`` gives seconds since 1970."""

    def __init__(
        self,
        keys: KeySource,
        issuer: str,
        revocations: RevocationList,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._revocations = revocations
        self._now = now

    async def admission(self, ticket: str, address: str | None) -> Admission | None:
        """What a client at this address may fetch; None where the ticket lets it fetch nothing.

        Raises Problem DEPENDENCY_UNAVAILABLE where the keys cannot be read.
        """
        try:
            claims = await signed_claims(self._keys, ticket, key_id(ticket))
            check_times(claims, self._now())
            admission = _admission(claims, self._issuer)
        except Problem as problem:
            if problem.kind is ProblemType.UNAUTHENTICATED:
                return None
            raise
        if self._revocations.covers(admission.principal):
            return None
        return admission if is_within(address, claims.get(ADDRESS_CLAIM)) else None


def _admission(claims: dict[str, Any], issuer: str) -> Admission:
    """Raises Problem UNAUTHENTICATED for what is no ticket."""
    account_id, jti, session_id = (claims.get(name) for name in ("sub", "jti", "sid"))
    ours = claims.get("iss") == issuer and claims.get("aud") == TICKET_AUDIENCE
    if not ours or not isinstance(account_id, str) or not isinstance(jti, str):
        raise invalid_token("It is no ticket.")
    try:
        file_id = UUID(claims[FILE_CLAIM])
    except (KeyError, ValueError, TypeError, AttributeError):
        raise invalid_token("The ticket names no document.") from None
    principal = Principal(
        account_id,
        client_id="",
        username="",
        role="",
        scopes=_READING,
        token="",
        session_id=session_id if isinstance(session_id, str) else None,
        jti=jti,
        epoch=count(claims, EPOCH_CLAIM, absent=0),
        rate_limit=count(claims, "rate_limit", absent=0),
    )
    return Admission(file_id, principal)
