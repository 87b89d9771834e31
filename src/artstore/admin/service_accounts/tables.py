"""The tables of service accounts and their secrets.

Secrets have a table of their own, since an account whose secret is being exchanged has two.
"""

from typing import Final

from sqlalchemy import Boolean, Column, DateTime, ForeignKey, Table, Text, Uuid, false, func

from artstore.admin.metadata import METADATA

SERVICE_ACCOUNTS: Final = Table(
    "service_accounts",
    METADATA,
    Column("id", Uuid, primary_key=True, comment="UUIDv7, so that the order of ids is the order of creation"),
    Column("name", Text, nullable=False, unique=True),
    Column("client_id", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    Column("is_system", Boolean, nullable=False, server_default=false()),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
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
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
