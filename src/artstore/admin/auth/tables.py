"""The table of client assertions that were used, each of which is good once (RFC 7523 §3)."""

from typing import Final

from sqlalchemy import Column, DateTime, LargeBinary, Table, Uuid

from artstore.admin.metadata import METADATA

USED_ASSERTIONS: Final = Table(
    "used_assertions",
    METADATA,
    Column("account_id", Uuid, primary_key=True),
    Column("jti_hash", LargeBinary, primary_key=True, comment="SHA-256: a client may choose long ones"),
    Column(
        "until",
        DateTime(timezone=True),
        nullable=False,
        index=True,
        comment="then the assertion has expired by itself",
    ),
)
