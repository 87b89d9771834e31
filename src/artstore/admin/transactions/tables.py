"""The table of transactions. Those of Procrastinate lie beside it and are made by its own SQL."""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Index, Integer, Table, Text, Uuid, func, text
from sqlalchemy.dialects.postgresql import JSONB

from artstore.admin.metadata import METADATA

TRANSACTIONS: Final = Table(
    "transactions",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("step", Text, nullable=False, comment="the next one, or the last"),
    Column("is_undoing", Boolean, nullable=False, server_default=text("false")),
    Column("file_id", Uuid, nullable=False),
    Column("owner_id", Text, nullable=False),
    Column("requested_by_id", Text, nullable=False),
    Column("requested_by_name", Text, nullable=False),
    Column("source_element_id", Text, nullable=False),
    Column("target_element_id", Text, nullable=False),
    Column("total_bytes", BigInteger, nullable=False),
    Column("copied_bytes", BigInteger, nullable=False, server_default=text("0")),
    Column("attempts", Integer, nullable=False, server_default=text("0"), comment="that failed at this step"),
    Column("error", Text),
    Column("history", JSONB, nullable=False, server_default=text("'[]'::jsonb")),
    Column("next_at", DateTime(timezone=True), comment="when it goes on, where it waits"),
    Column("committed_at", DateTime(timezone=True), comment="since when it cannot be undone"),
    Column("revision", Integer, nullable=False, server_default=text("0")),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
Index(
    "transactions_of_document",
    TRANSACTIONS.c.kind,
    TRANSACTIONS.c.file_id,
    unique=True,
    postgresql_where=text("state <> 'undone'::text AND kind <> 'transfer'::text"),
)
Index(
    "transactions_moving_document",
    TRANSACTIONS.c.file_id,
    unique=True,
    postgresql_where=text("kind = 'transfer'::text AND state <> ALL (ARRAY['done'::text, 'undone'::text])"),
)
Index("transactions_by_document", TRANSACTIONS.c.file_id, TRANSACTIONS.c.id)
Index(
    "transactions_open",
    TRANSACTIONS.c.state,
    TRANSACTIONS.c.id,
    postgresql_where=text("state <> ALL (ARRAY['done'::text, 'undone'::text])"),
)
