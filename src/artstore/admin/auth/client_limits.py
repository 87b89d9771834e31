"""How often a client may ask ``auth``, and how often it may fail to prove who it is."""

import asyncio
import hashlib
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from starlette.types import Scope

from artstore.admin.service_accounts.account import Account
from artstore.kernel.client_address import Network, client_address, customer
from artstore.kernel.limits import Limiter, Standing, metrics, over, tell
from artstore.kernel.problems import Problem

_FAILED: Final = "Too many authentications failed; try again in {seconds} seconds."
_ASKED: Final = (
    "The account has made its {limit} requests of the last minute; try again in {seconds} seconds."
)
_MOST_WAITING: Final = 1000


@dataclass(frozen=True)
class _Counted:
    key: str
    limit: int


class _Waiting:
    """Secrets that were right and came too often: until when they need not be compared again.

    A program that runs away must not keep the cores hashing. Only digests are kept, of a bounded number.
    """

    def __init__(self) -> None:
        self._until: dict[bytes, tuple[float, int]] = {}

    def note(self, proof: bytes, standing: Standing) -> None:
        if len(self._until) >= _MOST_WAITING:
            del self._until[next(iter(self._until))]
        self._until[proof] = (time.monotonic() + standing.reset_seconds, standing.limit)

    def standing(self, proof: bytes) -> Standing | None:
        until, limit = self._until.get(proof, (0.0, 0))
        seconds = math.ceil(until - time.monotonic())
        if seconds <= 0:
            self._until.pop(proof, None)
            return None
        return Standing(False, limit, 0, seconds)


class ClientLimits:
    """Limits of the endpoints that clients authenticate at, which take no token.

    Failures count for a client at one address, and for the address: somebody who guesses from elsewhere locks
    no client out. Whether the client exists makes no difference. Requests that are under way when a limit is
    reached are still looked at. ``0`` sets no limit.
    """

    def __init__(
        self, limiter: Limiter, *, failures: int, address_failures: int, trusted: Sequence[Network]
    ) -> None:
        self._limiter = limiter
        self._failures = failures
        self._address_failures = address_failures
        self._trusted = trusted
        self._waiting = _Waiting()

    async def demand_room(self, scope: Scope, client_id: str | None, proof: bytes | None) -> None:
        """Before anything is compared. ``proof``: a digest of it. Raises Problem RATE_LIMITED."""
        if proof is not None and (waiting := self._waiting.standing(proof)) is not None:
            raise _asked_too_often(scope, waiting)
        counted = self._counted(scope, client_id)
        for standing in await asyncio.gather(*(self._limiter.look(one.key, one.limit) for one in counted)):
            if not standing.allowed:
                metrics.REFUSED.labels("admin", "auth_failures").inc()
                raise over(_FAILED, standing, is_refusal=True)

    async def failed(self, scope: Scope, client_id: str | None) -> None:
        """Counts a failure. ``client_id``: who the client said it was, None where it did not."""
        counted = self._counted(scope, client_id)
        await asyncio.gather(*(self._limiter.take(one.key, one.limit) for one in counted))

    async def asked(self, scope: Scope, account: Account, proof: bytes | None) -> None:
        """Counts a request of a client that has proved who it is. Raises Problem RATE_LIMITED."""
        if not account.rate_limit:
            return
        standing = await self._limiter.take(f"client:{account.id}", account.rate_limit)
        if not standing.allowed:
            if proof is not None:
                self._waiting.note(proof, standing)
            raise _asked_too_often(scope, standing)
        tell(scope, standing)

    def _counted(self, scope: Scope, client_id: str | None) -> list[_Counted]:
        address = customer(client_address(scope, self._trusted))
        counted = []
        if self._failures and client_id is not None:
            # Hashed: whoever fails may have sent a secret in the wrong place, and of any length.
            client = hashlib.sha256(client_id.encode("utf-8", "surrogatepass")).hexdigest()[:32]
            counted.append(_Counted(f"auth_failures:{address}:{client}", self._failures))
        if self._address_failures:
            counted.append(_Counted(f"address_failures:{address}", self._address_failures))
        return counted


def _asked_too_often(scope: Scope, standing: Standing) -> Problem:
    tell(scope, standing)
    metrics.REFUSED.labels("admin", "client").inc()
    return over(_ASKED, standing)
