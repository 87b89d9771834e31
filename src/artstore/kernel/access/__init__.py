"""Who calls, and what the caller may do.

A *principal* is the account behind a verified access token; a *scope* is what a route needs; a *key source*
gives the public keys that tokens are verified with; the *revocation list* knows which tokens ended before
their time. Tokens are verified in the process that serves the request: nobody calls Admin for each. Code
checks scopes, never roles.

Every route states what it needs: ``Requires(scope)`` in an endpoint of FastAPI, ``scope=`` of ``hot_route``,
or ``@public`` for what is open on purpose. ``undeclared_routes`` finds those that state nothing; an
application with such a route does not start.
"""

from artstore.kernel.access.keys import JwksClient, KeySource, KeysUnavailable
from artstore.kernel.access.principal import Principal
from artstore.kernel.access.requirements import (
    Requires,
    authenticate,
    insufficient,
    public,
    reauthenticate,
    undeclared_routes,
    vouching,
)
from artstore.kernel.access.revocation_follower import RevocationFollower
from artstore.kernel.access.revocations import RevocationList
from artstore.kernel.access.tickets import Admission, TicketVerifier
from artstore.kernel.access.tokens import TokenVerifier

__all__ = [
    "Admission",
    "JwksClient",
    "KeySource",
    "KeysUnavailable",
    "Principal",
    "Requires",
    "RevocationFollower",
    "RevocationList",
    "TicketVerifier",
    "TokenVerifier",
    "authenticate",
    "insufficient",
    "public",
    "reauthenticate",
    "undeclared_routes",
    "vouching",
]
