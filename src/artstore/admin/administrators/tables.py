"""The tables of administrators, their sessions, and the account of failed logins."""

from typing import Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
    false,
    func,
    text,
    true,
)

from artstore.admin.metadata import METADATA

ADMINISTRATORS: Final = Table(
    "administrators",
    METADATA,
    Column("id", Uuid, primary_key=True, comment="UUIDv7, so that the order of ids is the order of creation"),
    Column("username", Text, nullable=False, unique=True, comment="in lower case"),
    Column("full_name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("is_active", Boolean, nullable=False, server_default=true()),
    Column("password_hash", Text, comment="argon2id; none until a person has set one"),
    Column("reset_code_hash", LargeBinary, comment="SHA-256 of the one-time code"),
    Column("reset_code_expires_at", DateTime(timezone=True)),
    Column("totp_secret", Text, comment="encrypted; of a second factor that may not be confirmed yet"),
    Column("totp_confirmed", Boolean, nullable=False, server_default=false()),
    Column(
        "totp_last_step",
        BigInteger,
        nullable=False,
        server_default=text("0"),
        comment="of the last code used",
    ),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("last_login_at", DateTime(timezone=True)),
)


def _of_administrator(*, primary_key: bool = False, index: bool = False) -> Column[UUID]:
    key = ForeignKey(ADMINISTRATORS.c.id, ondelete="CASCADE")
    return Column(
        "administrator_id", key, nullable=False, primary_key=primary_key, index=True if index else None
    )


RECOVERY_CODES: Final = Table(
    "administrator_recovery_codes",
    METADATA,
    _of_administrator(primary_key=True),
    Column("code_hash", LargeBinary, primary_key=True, comment="SHA-256; the row goes when the code is used"),
)

SESSIONS: Final = Table(
    "administrator_sessions",
    METADATA,
    Column("id", Uuid, primary_key=True, comment="UUIDv7"),
    _of_administrator(index=True),
    Column("address", Text, nullable=False),
    Column("user_agent", Text, nullable=False),
    Column("second_factor", Boolean, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("last_used_at", DateTime(timezone=True), nullable=False),
    Column("idle_expires_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("ended_because", Text),
)

REFRESH_TOKENS: Final = Table(
    "administrator_refresh_tokens",
    METADATA,
    Column("token_hash", LargeBinary, primary_key=True, comment="SHA-256 of 256 random bits"),
    Column(
        "session_id",
        ForeignKey(SESSIONS.c.id, ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("used_at", DateTime(timezone=True), comment="a token that comes again after that was stolen"),
)

LOGIN_ATTEMPTS: Final = Table(
    "login_attempts",
    METADATA,
    Column("key", LargeBinary, primary_key=True, comment="SHA-256 of a name or an address, whoever's it is"),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("lockouts", Integer, nullable=False, server_default=text("0")),
    Column("locked_until", DateTime(timezone=True)),
    Column("last_attempt_at", DateTime(timezone=True)),
)
