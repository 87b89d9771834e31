"""The account or the person behind a verified access token."""

from dataclasses import dataclass, field

from artstore.wire.scopes import Scope


@dataclass(frozen=True, slots=True)
class Principal:
    """Who makes a request. ``token`` is kept to travel on to other services; it is never printed.

    Documents have an owner, the account that stored them. Whether a caller may do something with one of
    another owner is asked here and nowhere else; the scope for it is the route's to demand.
    """

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
    jti: str = ""
    epoch: int = 0
    """Generation of the account's tokens; those of a lower one than the last may have been revoked."""
    account_end: int | None = None
    """When the account ends, in seconds since 1970; None: never, or it is not known."""
    rate_limit: int = 100
    """Requests for each minute, of which each service allows a multiple; 0: no limit."""
    readable_owners: frozenset[str] = frozenset()
    """Other accounts whose documents this one was granted to read."""
    changeable_owners: frozenset[str] = frozenset()
    """Those of them whose documents it may also change."""

    def has(self, scope: Scope) -> bool:
        return scope in self.scopes

    def may_see(self, owner_id: str) -> bool:
        """Whether documents of the account ``owner_id`` exist for this caller."""
        return (
            owner_id == self.account_id or Scope.FILES_ALL in self.scopes or owner_id in self.readable_owners
        )

    def may_change(self, owner_id: str) -> bool:
        """Whether it may change the attributes of documents of the account ``owner_id``."""
        return (
            owner_id == self.account_id
            or Scope.FILES_ALL in self.scopes
            or owner_id in self.changeable_owners
        )

    def may_delete(self, owner_id: str) -> bool:
        """Whether it may delete documents of the account ``owner_id``, which cannot be granted."""
        return owner_id == self.account_id or Scope.FILES_ALL in self.scopes

    def visible_owners(self) -> frozenset[str] | None:
        """The accounts whose documents exist for this caller; None: all."""
        if Scope.FILES_ALL in self.scopes:
            return None
        return self.readable_owners | {self.account_id}
