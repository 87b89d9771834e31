"""The table of key pairs."""

from typing import Final

from sqlalchemy import Column, DateTime, Table, Text, func
from sqlalchemy.dialects.postgresql import JSONB

from artstore.admin.metadata import METADATA

SIGNING_KEYS: Final = Table(
    "signing_keys",
    METADATA,
    Column("kid", Text, primary_key=True),
    Column("public_jwk", JSONB, nullable=False),
    Column("private_pem", Text, nullable=False, comment="PKCS#8, encrypted with the key passphrase"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
