"""The table of key pairs.

Which state a pair is in follows from its times, by the clock of the database: see ``repository``.
"""

from typing import Final

from sqlalchemy import Column, DateTime, Table, Text, func
from sqlalchemy.dialects.postgresql import JSONB

from artstore.admin.metadata import METADATA

SIGNING_KEYS: Final = Table(
    "signing_keys",
    METADATA,
    Column("kid", Text, primary_key=True),
    Column("public_jwk", JSONB, nullable=False),
    Column(
        "private_pem",
        Text,
        comment="PKCS#8, encrypted with the key passphrase; null once the pair will never sign again",
    ),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("signs_from", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("good_until", DateTime(timezone=True), comment="Set when another pair was made to follow it"),
    Column("revoked_at", DateTime(timezone=True)),
)
