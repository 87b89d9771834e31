"""The account or the person behind a verified access token."""

from dataclasses import dataclass, field

from artstore.wire.scopes import Scope


@dataclass(frozen=True, slots=True)
class Principal:
    """Who makes a request. ``token`` is kept to travel on to other services; it is never printed."""

    account_id: str
    """UUID of the service account or administrator: ``created_by_id`` of what it stores."""
    client_id: str
    username: str
    """Name of the account: ``created_by_username`` of what it stores."""
    role: str
    """For display only; what is allowed stands in ``scopes``."""
    scopes: frozenset[Scope]
    token: str = field(repr=False)
    session_id: str | None = None
    """Of a person: the session that the token belongs to. None for a service account."""

    def has(self, scope: Scope) -> bool:
        return scope in self.scopes

    def may_see(self, owner_id: str) -> bool:
        """Whether documents of the account ``owner_id`` exist for this caller."""
        return owner_id == self.account_id or Scope.FILES_ALL in self.scopes
