"""The table of revocations."""

from typing import Final

from sqlalchemy import BigInteger, Column, DateTime, Identity, Integer, Table, Text, Uuid, func

from artstore.admin.metadata import METADATA

REVOCATIONS: Final = Table(
    "revocations",
    METADATA,
    Column(
        "position",
        BigInteger,
        Identity(always=True),
        primary_key=True,
        comment="committed in this order, for who writes one holds a lock",
    ),
    Column("account_id", Uuid, nullable=False, index=True),
    Column("epoch", Integer, comment="the account's tokens of a lower one are void"),
    Column("jti", Text, unique=True, comment="or this one token is"),
    Column("session_id", Uuid, comment="or those of this session of a person"),
    Column("until", DateTime(timezone=True), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
