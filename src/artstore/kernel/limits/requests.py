"""What is limited of a request: how often its account asks, and how often its address has no good token."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from starlette.types import Scope

from artstore.kernel.client_address import Network, client_address, customer, networks
from artstore.kernel.exchange import HEADERS_KEY
from artstore.kernel.limits import metrics
from artstore.kernel.limits.limiter import Limiter
from artstore.kernel.limits.windows import Standing
from artstore.kernel.problems import Problem
from artstore.kernel.settings import ServiceSettings
from artstore.wire.problems import ProblemType

if TYPE_CHECKING:
    from artstore.kernel.access.principal import Principal

_FAILED: Final = (
    "Too many requests without a good access token came from this address; try again in {seconds} seconds."
)
_ASKED: Final = (
    "The account has made its {limit} requests of the last minute; try again in {seconds} seconds."
)


class RequestLimits:
    """The limits of a service for whatever needs a principal.

    An account may ask ``factor`` times its own ``rate_limit`` in a minute; if one of them is 0 there is no
    limit. An address may fail ``failures`` times in a minute; 0 sets no limit. A good token is never refused
    for the failures of others at its address: it is looked at first.
    """

    def __init__(
        self, service: str, limiter: Limiter, *, factor: int, failures: int, trusted: Sequence[Network]
    ) -> None:
        self.limiter = limiter
        self._service = service
        self._factor = factor
        self._failures = failures
        self.trusted = trusted
        """The proxies whose word on the address of a client is believed."""

    async def asked(self, scope: Scope, principal: "Principal") -> None:
        """Counts a request of an account. Raises Problem RATE_LIMITED."""
        limit = self._factor * principal.rate_limit
        if not limit:
            return
        standing = await self.limiter.take(f"account:{principal.account_id}", limit)
        tell(scope, standing)
        if not standing.allowed:
            metrics.REFUSED.labels(self._service, "account").inc()
            raise over(_ASKED, standing)

    async def failed(self, scope: Scope) -> None:
        """Counts a request without a good token. Raises Problem RATE_LIMITED where there were too many."""
        if not self._failures:
            return
        address = customer(client_address(scope, self.trusted))
        standing = await self.limiter.take(f"failures:{address}", self._failures)
        if not standing.allowed:
            metrics.REFUSED.labels(self._service, "failures").inc()
            raise over(_FAILED, standing, is_refusal=True)


def request_limits(service: str, settings: ServiceSettings) -> RequestLimits:
    """The limits that a service is told."""
    limiter = Limiter(service, settings.redis_url, seconds=settings.rate_limit_wait_seconds)
    return RequestLimits(
        service,
        limiter,
        factor=settings.rate_limit_factor,
        failures=settings.rate_limit_failures,
        trusted=networks(settings.trusted_proxies),
    )


def tell(scope: Scope, standing: Standing) -> None:
    """Lets the answer of a request say how its account stands."""
    scope[HEADERS_KEY] = (
        (b"ratelimit-limit", b"%d" % standing.limit),
        (b"ratelimit-remaining", b"%d" % standing.remaining),
        (b"ratelimit-reset", b"%d" % standing.reset_seconds),
    )


def over(detail: str, standing: Standing, *, is_refusal: bool = False) -> Problem:
    """The refusal of what is over a limit. ``detail`` may have ``{limit}`` and ``{seconds}`` in it."""
    seconds = standing.reset_seconds
    return Problem(
        ProblemType.RATE_LIMITED,
        detail.format(limit=standing.limit, seconds=seconds),
        headers={"Retry-After": str(seconds)},
        is_refusal=is_refusal,
    )
