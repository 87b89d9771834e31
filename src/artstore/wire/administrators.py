"""Administrators (people), their logins and sessions as they cross the wire."""

from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from artstore.wire.scopes import AdministratorRole, Scope

PASSWORD_LEAST = 12
PASSWORD_MOST = 256
"""Characters of a password. Every password is hashed, so its length must have an end."""
MAX_LOGIN_TOKEN_SECONDS: Final = 3600
"""The longest life of a person's access token that can be configured."""

Username = Annotated[
    str,
    StringConstraints(to_lower=True, pattern=r"^[A-Za-z0-9][A-Za-z0-9._@+-]*$", min_length=2, max_length=64),
]
"""Unique, without regard to case. Becomes ``created_by_username`` of what the person stores."""
FullName = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=128)]
# What is only compared is taken as it comes, within bounds: a login tells nothing of how names are made.
_TypedName = Annotated[str, StringConstraints(to_lower=True, max_length=256)]
_TypedSecret = Annotated[SecretStr, Field(max_length=PASSWORD_MOST)]
_TypedCode = Annotated[SecretStr, Field(max_length=64)]
TokenPlace = Literal["cookie", "body"]


class _Body(BaseModel):
    """A request. A member that is not known is refused: it may be a misspelt one that matters."""

    model_config = ConfigDict(extra="forbid")


class Login(_Body):
    username: _TypedName
    password: _TypedSecret
    code: _TypedCode | None = None
    """Of the second factor, or a recovery code: needed by whoever has enrolled."""
    refresh_token_in: TokenPlace = "cookie"  # noqa: S105 - a place
    """Where the refresh token is given: a page wants a cookie that no script can read."""


class Refresh(_Body):
    refresh_token: _TypedSecret | None = None
    """Absent: it is in the cookie."""


class PasswordChange(_Body):
    old_password: _TypedSecret
    new_password: _TypedSecret


class PasswordReset(_Body):
    username: _TypedName
    code: _TypedCode
    """The one-time code that a SUPER_ADMIN or the command line gave."""
    new_password: _TypedSecret


class PasswordProof(_Body):
    password: _TypedSecret


class SecondFactorProof(_Body):
    code: _TypedCode


class SecondFactorRemoval(_Body):
    password: _TypedSecret
    code: _TypedCode
    """Of the second factor that is to be removed, or a recovery code."""


class NewAdministrator(_Body):
    username: Username
    full_name: FullName = ""
    role: AdministratorRole = AdministratorRole.READONLY


class AdministratorChange(_Body):
    """What is absent stays as it is."""

    full_name: FullName | None = None
    role: AdministratorRole | None = None
    is_active: bool | None = None


class Administrator(BaseModel):
    id: UUID
    username: str
    full_name: str
    role: AdministratorRole
    scopes: list[Scope]
    is_active: bool
    """False: no login, no session."""
    has_password: bool
    """False until the one-time code of the start or of a reset was used."""
    has_second_factor: bool
    locked_until: datetime | None
    """Logins are refused until then, after too many failures."""
    created_at: datetime
    last_login_at: datetime | None


class AdministratorPage(BaseModel):
    items: list[Administrator]
    next_cursor: str | None = None


class ResetCode(BaseModel):
    """With the one-time code a person sets a password of the own choice."""

    reset_code: str
    """Shown this once; only its hash is kept."""
    reset_code_expires_at: datetime


class CreatedAdministrator(Administrator, ResetCode):
    pass


class LoginAnswer(BaseModel):
    """An access token, in the words of RFC 6749 §5.1, and how long the session may go on."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the name of a kind of token
    expires_in: int
    scope: str
    session_id: UUID
    refresh_token: str | None = None
    """Only where it was asked for in the body. Good once: each refresh gives another."""
    refresh_expires_at: datetime
    """Without a refresh until then, the session is over."""
    session_expires_at: datetime
    """Then the session is over in any case."""


class Session(BaseModel):
    id: UUID
    created_at: datetime
    last_used_at: datetime
    """When the session was begun or last refreshed."""
    expires_at: datetime
    """The nearer of its two ends, if nothing happens."""
    address: str
    user_agent: str
    second_factor: bool
    current: bool
    """The session of the token that asks."""


class SessionPage(BaseModel):
    items: list[Session]
    """All of them: a person has a bounded number."""


class SecondFactorSecret(BaseModel):
    """To be taken over by an authenticator application, and confirmed with a code of it."""

    secret: str
    """Base32, shown this once."""
    otpauth_uri: str


class RecoveryCodes(BaseModel):
    recovery_codes: list[str]
    """Each is good once, where the second factor is not at hand. Shown this once."""
