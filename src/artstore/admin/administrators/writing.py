"""The transaction of somebody who changes other administrators."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from artstore.admin.administrators import trail
from artstore.admin.administrators.means import Caller, Means
from artstore.admin.administrators.sessions import require_session
from artstore.admin.audit import Actor
from artstore.kernel.access import Principal
from artstore.kernel.database import WriteConnection


@asynccontextmanager
async def writing(
    means: Means, principal: Principal, caller: Caller
) -> AsyncIterator[tuple[WriteConnection, Actor]]:
    """A transaction, and who acts in it. Raises Problem SESSION_ENDED.

    A service hears some seconds later that a token has ended, or not at all while Redis is away: whoever was
    stopped must not have them left to become an administrator anew.
    """
    async with means.database.write() as connection:
        await require_session(connection, principal)
        yield connection, trail.bearer(principal, caller)
