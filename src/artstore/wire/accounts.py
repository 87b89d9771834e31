"""Tokens and service accounts as they cross the wire."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from artstore.attributes.schema import Time
from artstore.wire.scopes import Role, Scope

AUDIENCE = "artstore"
"""The ``aud`` of every access token."""
EPOCH_CLAIM: Final = "epoch"
"""In an access token: which generation of its account's tokens it is; absent: 0. See ``revocations``."""
ACCOUNT_END_CLAIM: Final = "account_end"
"""In an access token, absent where there is none: when its account ends, in seconds since 1970. What outlives
the token, as a link does, must not outlive the account."""
GRANTS_CLAIM: Final = "grants"
"""In an access token, absent where there are none: ``{"r": […], "w": […]}``, the accounts whose documents the
token's account may read (r), or read and change (w), each by the Base64url of its UUID without padding."""
MAX_GRANTS: Final = 64
"""Of one account, for they travel in every request: about 35 bytes each."""
MAX_TOKEN_SECONDS: Final = 24 * 3600
"""The longest life of an access token that can be configured."""
MAX_RATE_LIMIT: Final = 1_000_000
MAX_OVERLAP_SECONDS: Final = 30 * 24 * 3600
MAX_KEYS: Final = 10
"""Public keys of one account."""
ACCOUNTS_CHANNEL: Final = "artstore:accounts"
"""A Redis channel with an AccountEvent for what people should know of. Nothing depends on one arriving."""


class TokenAnswer(BaseModel):
    """A successful token response (RFC 6749 §5.1). ``expires_in`` is in seconds."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the name of a kind of token
    expires_in: int
    scope: str


class TokenError(BaseModel):
    """A refused token request (RFC 6749 §5.2)."""

    error: str
    error_description: str


class Introspection(BaseModel):
    """What is known of a token (RFC 7662 §2.2). Of one that is not active nothing else is said."""

    active: bool
    scope: str | None = None
    client_id: str | None = None
    username: str | None = None
    token_type: Literal["Bearer"] | None = None
    exp: int | None = None
    iat: int | None = None
    nbf: int | None = None
    sub: str | None = None
    aud: str | None = None
    iss: str | None = None
    jti: str | None = None
    role: str | None = None
    rate_limit: int | None = None


class AccountStatus(StrEnum):
    ACTIVE = "active"
    SUSPENDED = "suspended"
    DELETED = "deleted"
    """Gets no tokens any more; can be restored. Its name stays taken, for it stands in documents."""


Description = Annotated[str, Field(max_length=500, pattern=r"^[^\x00]*$")]
RateLimit = Annotated[int, Field(ge=1, le=MAX_RATE_LIMIT)]
PublicKeys = Annotated[list[dict[str, Any]], Field(max_length=MAX_KEYS)]
"""JSON Web Keys (RFC 7517) without their private parts: RSA from 2048 bits, EC on P-256, Ed25519."""
Scopes = Annotated[list[Scope], Field(max_length=len(Scope))]


class NewServiceAccount(BaseModel):
    name: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[\w][\w .-]*$")]
    """Unique. Becomes ``created_by_username`` of what the account stores."""
    role: Role = Role.USER
    description: Description | None = None
    scopes: Scopes | None = None
    """A part of the role's. None: all that the role has, also later."""
    rate_limit: RateLimit | None = None
    """Requests for each minute. None: what Admin gives everybody."""
    expires_at: Time | None = None
    """From then on the account gets no tokens, and those it has end."""
    keys: PublicKeys | None = None
    """For authentication by ``private_key_jwt`` (RFC 7523)."""


class ServiceAccountChange(BaseModel):
    """A merge patch (RFC 7396): what is absent stays, null takes away."""

    model_config = ConfigDict(extra="forbid")

    description: Description | None = None
    role: Role = Role.USER
    scopes: Scopes | None = None
    rate_limit: RateLimit | None = None
    expires_at: Time | None = None
    keys: PublicKeys | None = None


class ClientSecret(BaseModel):
    """What may be known of a secret: everything but itself."""

    id: UUID
    prefix: str | None = None
    """How the secret begins, to tell one from another; None for one that was configured."""
    created_at: datetime
    expires_at: datetime | None = None
    """None: it does not expire, for it comes from Admin's configuration."""
    last_used_at: datetime | None = None
    """When a token was last asked for with it; may be half a minute behind."""


class ServiceAccount(BaseModel):
    id: UUID
    name: str
    role: Role
    client_id: str
    scopes: list[Scope]
    """What its tokens may do: those chosen, as far as the role has them; all of the role where none were."""
    is_system: bool
    status: AccountStatus = AccountStatus.ACTIVE
    description: str | None = None
    rate_limit: int = 100
    """Requests for each minute. 0: no limit, which only the account of the services has."""
    expires_at: datetime | None = None
    created_at: datetime
    updated_at: datetime | None = None
    last_used_at: datetime | None = None
    secrets: list[ClientSecret] = Field(default_factory=list)
    """The newest first."""
    keys: list[dict[str, Any]] = Field(default_factory=list)


class CreatedServiceAccount(ServiceAccount):
    client_secret: str
    """Shown this once; only its hash is kept."""


class ServiceAccountPage(BaseModel):
    items: list[ServiceAccount]
    next_cursor: str | None = None


class SecretRotation(BaseModel):
    model_config = ConfigDict(extra="forbid")

    overlap_seconds: Annotated[int, Field(ge=0, le=MAX_OVERLAP_SECONDS)] | None = None
    """How long the secret until now stays good beside the new one. 0: it, and every token, ends at once.
    None: what Admin is set to."""


GrantScope = Literal[Scope.FILES_READ, Scope.FILES_WRITE]


class GrantedScopes(BaseModel):
    model_config = ConfigDict(extra="forbid")

    scopes: Annotated[list[GrantScope], Field(min_length=1, max_length=2)]
    """``files:write`` includes ``files:read``: what may be changed may be seen."""


class Grant(BaseModel):
    """What one account may do with the documents of another."""

    owner_id: UUID
    owner_name: str
    scopes: list[GrantScope]
    created_at: datetime


class GrantList(BaseModel):
    items: list[Grant]
    """All of them, by the owner's id."""
    next_cursor: None = None


class AccountEventKind(StrEnum):
    SECRET_EXPIRES = "secret_expires"  # noqa: S105 - the name of an event
    """The last secret of an active account expires soon, or has. Repeated once a day."""


class AccountEvent(BaseModel):
    kind: AccountEventKind
    at: datetime
    account_id: UUID
    client_id: str
    name: str
    secret_id: UUID
    expires_at: datetime
