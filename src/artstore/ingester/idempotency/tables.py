"""The table of idempotency keys; the migrations create exactly this."""

from sqlalchemy import Column, DateTime, Index, Integer, MetaData, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

SCHEMA = "ingester"
metadata = MetaData(schema=SCHEMA)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("file_id", Uuid, nullable=False),
    Column("element_id", Text, comment="the element that it is pinned to"),
    Column(
        "unknown_tries",
        Integer,
        nullable=False,
        server_default="0",
        comment="tries that sent bytes to that element and are not known to have stored nothing",
    ),
    Column("fingerprint", Text, comment="of the upload that was stored"),
    Column("answer", JSONB, comment="that it got"),
    Column("created_at", DateTime(timezone=True), nullable=False),
)
Index("idempotency_keys_by_time", idempotency_keys.c.created_at)
