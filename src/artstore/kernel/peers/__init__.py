"""The other services, as seen from one: which elements there are, and how to call them.

`ElementDirectory` follows what elements announce in Redis and keeps the last known state; while Redis is
away it asks Admin's registry (`AdminRegistry`). `KeyFollower` keeps Admin's keys up to date. `ServiceToken`
is the token of a service's own account, for background work only: a client's request travels on with the
client's own token (`forwarded_headers`), also to ask an element for a document (`document_at`).
`Breakers` leave an element alone that cannot be reached.
`AdminAudit` reports to Admin what belongs into the audit trail; `RefusalReporter` hands it what this process
refused.
"""

from artstore.kernel.peers.audit import AdminAudit
from artstore.kernel.peers.breakers import Attempt, BreakerOptions, Breakers, BreakerState
from artstore.kernel.peers.calls import forwarded_headers, http_session
from artstore.kernel.peers.directory import ElementDirectory
from artstore.kernel.peers.documents import ElementSilent, document_at, says_not_there
from artstore.kernel.peers.keys import AdminKeysDependency, KeyFollower
from artstore.kernel.peers.refusals import RefusalReporter
from artstore.kernel.peers.registry import AdminAway, AdminRegistry
from artstore.kernel.peers.token import ServiceToken

__all__ = [
    "AdminAudit",
    "AdminAway",
    "AdminKeysDependency",
    "AdminRegistry",
    "Attempt",
    "BreakerOptions",
    "BreakerState",
    "Breakers",
    "ElementDirectory",
    "ElementSilent",
    "KeyFollower",
    "RefusalReporter",
    "ServiceToken",
    "document_at",
    "forwarded_headers",
    "http_session",
    "says_not_there",
]
