"""The two tables of one element's index, under names that are known only at run time."""

from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    Uuid,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import JSON

from artstore.storage.index.prefix import check_prefix

SCHEMA = "storage"
EXPIRY = "(attributes ->> 'expires_at') COLLATE \"C\""
"""When a document expires. As text, of which PostgreSQL can make an index; it sorts as the times do, to the
second."""
EXPIRES = "attributes ->> 'expires_at' IS NOT NULL AND attributes ->> 'legal_hold' IS NULL"
"""Whether a document is removed by itself some day. Written as in the index, or that is of no use."""
UNTOLD = f"{EXPIRES} AND told_expiry IS DISTINCT FROM attributes ->> 'expires_at'"
"""And nobody was told yet that it expires then."""


@dataclass(frozen=True)
class IndexTables:
    """``files``: a row for each document and each deletion. ``state``: one row, where the index stands."""

    prefix: str
    files: Table
    state: Table

    @property
    def version_table(self) -> str:
        """Where Alembic keeps the revision of these two tables (not of another element's)."""
        return f"{self.prefix}_alembic_version"


def index_tables(prefix: str) -> IndexTables:
    """The tables under ``prefix``; the migrations create exactly these."""
    check_prefix(prefix)
    metadata = MetaData(schema=SCHEMA)
    files = Table(
        f"{prefix}_files",
        metadata,
        Column("file_id", Uuid, primary_key=True),
        Column("lsn", BigInteger, nullable=False, comment="LSN of the last change"),
        Column("generation", Integer, nullable=False, comment="number of the rebuild that last saw it"),
        Column("storage_path", Text, comment="absent in a deletion"),
        Column("created_at", DateTime(timezone=True)),
        Column("created_by_id", Text),
        # json, not jsonb: numbers and the order of members come back as they were written.
        Column("attributes", JSON(none_as_null=True), comment="absent in a deletion"),
        Column("told_expiry", Text, comment="of which followers were told that it comes"),
    )
    Index(
        f"{prefix}_files_by_time",
        files.c.created_at,
        files.c.file_id,
        postgresql_where=text("attributes IS NOT NULL"),
    )
    Index(
        f"{prefix}_files_by_owner",
        files.c.created_by_id,
        files.c.created_at,
        files.c.file_id,
        postgresql_where=text("attributes IS NOT NULL"),
    )
    Index(f"{prefix}_files_by_lsn", files.c.lsn, files.c.file_id)
    Index(f"{prefix}_files_by_expiry", text(EXPIRY), files.c.file_id, postgresql_where=text(EXPIRES))
    Index(f"{prefix}_files_untold", text(EXPIRY), files.c.file_id, postgresql_where=text(UNTOLD))
    state = Table(
        f"{prefix}_state",
        metadata,
        Column("element_id", Text, primary_key=True),
        Column("root_created_at", DateTime(timezone=True), nullable=False, comment="which root it follows"),
        Column("position", BigInteger, nullable=False, comment="every change up to this LSN is in the index"),
        Column("deletions_since", BigInteger, nullable=False, comment="older deletions are not in the index"),
        Column("generation", Integer, nullable=False),
        Column("rebuilding_from", BigInteger, comment="the LSN that a running rebuild began at"),
        Column(
            "complete",
            Boolean,
            nullable=False,
            server_default=true(),
            comment="no document is missing in the rows",
        ),
    )
    return IndexTables(prefix=prefix, files=files, state=state)
