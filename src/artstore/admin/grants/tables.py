"""The table of grants."""

from typing import Final

from sqlalchemy import Boolean, Column, DateTime, ForeignKey, Table, func

from artstore.admin.metadata import METADATA
from artstore.admin.service_accounts.tables import SERVICE_ACCOUNTS

GRANTS: Final = Table(
    "grants",
    METADATA,
    Column("account_id", ForeignKey(SERVICE_ACCOUNTS.c.id), primary_key=True, comment="who may"),
    Column("owner_id", ForeignKey(SERVICE_ACCOUNTS.c.id), primary_key=True, comment="whose documents"),
    Column("may_change", Boolean, nullable=False, comment="files:write; else files:read alone"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
