"""``POST /api/v1/auth/tickets``: a ticket, for a service that has checked the right to a document."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Response

from artstore.admin.auth.tokens import TokenIssuer
from artstore.kernel.access import Principal, Requires
from artstore.kernel.openapi import problem_answers
from artstore.wire.accounts import EPOCH_CLAIM
from artstore.wire.problems import ProblemType
from artstore.wire.scopes import Scope
from artstore.wire.tickets import (
    ADDRESS_CLAIM,
    FILE_CLAIM,
    TICKET_AUDIENCE,
    TICKET_SECONDS,
    TICKETS_PATH,
    NewTicket,
    Ticket,
)

_KIND: Final = "ticket+jwt"


def ticket_routes(tokens: TokenIssuer) -> APIRouter:
    router = APIRouter(tags=["auth"])

    @router.post(
        TICKETS_PATH,
        status_code=201,
        summary="A ticket with which one document can be fetched from its element",
        responses=problem_answers(ProblemType.DEPENDENCY_UNAVAILABLE),
    )
    async def issue(
        new: NewTicket, principal: Annotated[Principal, Requires(Scope.TICKETS_ISSUE)], response: Response
    ) -> Ticket:
        """It is good for a minute, for the document that it names alone. That whoever gets it may have the
        document is for the service to check that asks.
        """
        response.headers["Cache-Control"] = "no-store"
        claims: dict[str, Any] = {
            "aud": TICKET_AUDIENCE,
            "sub": str(new.account_id),
            FILE_CLAIM: str(new.file_id),
            EPOCH_CLAIM: new.epoch,
            "rate_limit": new.rate_limit,
        }
        if new.session_id is not None:
            claims["sid"] = str(new.session_id)
        if new.address is not None:
            claims[ADDRESS_CLAIM] = new.address
        return Ticket(ticket=tokens.sign(claims, TICKET_SECONDS, kind=_KIND), expires_in=TICKET_SECONDS)

    return router
