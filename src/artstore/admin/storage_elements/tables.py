"""The table of storage elements: the last that each of them announced."""

from typing import Final

from sqlalchemy import BigInteger, Column, DateTime, Table, Text, func, text

from artstore.admin.metadata import METADATA

STORAGE_ELEMENTS: Final = Table(
    "storage_elements",
    METADATA,
    Column("element_id", Text, primary_key=True),
    Column("url", Text, nullable=False),
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
)
