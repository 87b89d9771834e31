"""Tokens and service accounts as they cross the wire."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from artstore.wire.scopes import Role, Scope

AUDIENCE = "artstore"
"""The ``aud`` of every access token."""


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


class NewServiceAccount(BaseModel):
    name: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[\w][\w .-]*$")]
    """Unique. Becomes ``created_by_username`` of what the account stores."""
    role: Role = Role.USER


class ServiceAccount(BaseModel):
    id: UUID
    name: str
    role: Role
    client_id: str
    scopes: list[Scope]
    is_system: bool
    created_at: datetime


class CreatedServiceAccount(ServiceAccount):
    client_secret: str
    """Shown this once; only its hash is kept."""


class ServiceAccountPage(BaseModel):
    items: list[ServiceAccount]
    next_cursor: str | None = None
