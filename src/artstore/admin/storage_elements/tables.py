"""The table of storage elements: the last that each of them announced, and what was decided about it."""

from typing import Final

from sqlalchemy import BigInteger, Column, DateTime, Integer, Table, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB

from artstore.admin.metadata import METADATA

STORAGE_ELEMENTS: Final = Table(
    "storage_elements",
    METADATA,
    Column("element_id", Text, primary_key=True),
    Column("url", Text, nullable=False),
    Column("client_url", Text, nullable=False, server_default=""),
    Column("mode", Text, nullable=False),
    Column("capacity_bytes", BigInteger, nullable=False),
    Column("used_bytes", BigInteger, nullable=False),
    Column("free_bytes", BigInteger, nullable=False),
    Column("capacity_status", Text, nullable=False, server_default="ok"),
    Column("documents", BigInteger, nullable=False),
    Column("last_lsn", BigInteger, nullable=False),
    Column("health", Text, nullable=False),
    Column("open_findings", BigInteger, nullable=False, server_default=text("0")),
    Column("max_file_bytes", BigInteger, nullable=False),
    Column("started_at", DateTime(timezone=True), nullable=False),
    Column("announced_at", DateTime(timezone=True), nullable=False),
    Column("registered_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    # What follows is written by requests alone, what stands above by announcements alone.
    Column("state", Text, nullable=False, server_default="active"),
    Column("priority", Integer, nullable=False, server_default="100"),
    Column("limit_bytes", BigInteger),
    Column("limit_file_bytes", BigInteger),
    Column("retention_until", DateTime(timezone=True)),
    Column("labels", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Column("moves_to", Text, comment="Where its documents are moved while it is drained"),
    Column("revision", BigInteger, nullable=False, server_default="0", comment="Grows with each change"),
)
