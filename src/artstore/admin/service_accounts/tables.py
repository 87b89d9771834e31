"""The tables of service accounts and their secrets.

Secrets have a table of their own, since an account whose secret is being exchanged has two. What an account's
tokens may do, and whether it gets any, is decided by these rows alone.
"""

from typing import Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Integer,
    Table,
    Text,
    Uuid,
    false,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from artstore.admin.metadata import METADATA

SERVICE_ACCOUNTS: Final = Table(
    "service_accounts",
    METADATA,
    Column("id", Uuid, primary_key=True, comment="UUIDv7, so that the order of ids is the order of creation"),
    Column("name", Text, nullable=False, unique=True),
    Column("client_id", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    Column("is_system", Boolean, nullable=False, server_default=false()),
    Column("description", Text),
    Column("scopes", ARRAY(Text), comment="null: all of the role"),
    Column("rate_limit", Integer, comment="null: the usual one"),
    Column("keys", JSONB, nullable=False, server_default=text("'[]'::jsonb"), comment="public JWKs"),
    Column("expires_at", DateTime(timezone=True)),
    Column("suspended_at", DateTime(timezone=True)),
    Column("deleted_at", DateTime(timezone=True)),
    Column("last_used_at", DateTime(timezone=True)),
    Column("token_epoch", Integer, nullable=False, server_default=text("0")),
    Column("revision", BigInteger, nullable=False, server_default=text("1")),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

CLIENT_SECRETS: Final = Table(
    "client_secrets",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column(
        "account_id",
        ForeignKey(SERVICE_ACCOUNTS.c.id, ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("secret_hash", Text, nullable=False, comment="bcrypt of the secret's SHA-256"),
    Column("selector", Text, comment="the readable part of the secret; null: it was configured"),
    Column("expires_at", DateTime(timezone=True)),
    Column("last_used_at", DateTime(timezone=True)),
    Column("warned_at", DateTime(timezone=True), comment="when its expiry was last told"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
