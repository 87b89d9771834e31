"""``GET /api/v1/auth/revocations``: tokens that ended before their time, for whom Redis is away."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from artstore.admin.revocations.feed import RevocationFeed
from artstore.kernel.access import public
from artstore.wire.revocations import PAGE_SIZE, REVOCATIONS_PATH, RevocationNews


def revocation_routes(feed: RevocationFeed) -> APIRouter:
    router = APIRouter(tags=["auth"])

    # Open like the key set: an element has no account, and ids of ended tokens are of use to nobody.
    @router.get(REVOCATIONS_PATH)
    @public
    async def revocations(
        response: Response,
        after: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0,
        limit: Annotated[int, Query(ge=1, le=PAGE_SIZE)] = PAGE_SIZE,
    ) -> RevocationNews:
        """Revocations behind a position. Verifiers of tokens follow it; answered from memory."""
        response.headers["Cache-Control"] = "no-store"
        return feed.after(after, limit)

    return router
