"""The two tables of one element's index, under names that are known only at run time."""

import re
from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSON

SCHEMA = "storage"
_PREFIX = re.compile(r"[a-z][a-z0-9_]{0,39}")


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


def prefix_of(element_id: str) -> str:
    """The default table prefix of an element: its id in the characters that a bare SQL name may have."""
    name = re.sub(r"[^a-z0-9]+", "_", element_id.lower()).strip("_")
    return (name if name[:1].isalpha() else f"e_{name}")[:40]


def check_prefix(prefix: str) -> str:
    """The prefix itself. ValueError where it could not stand in an SQL name (63 bytes, suffix included)."""
    if not _PREFIX.fullmatch(prefix):
        raise ValueError("a table prefix has 1 to 40 characters a-z, 0-9 and _, and begins with a letter")
    return prefix


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
        Column("attributes", JSON, comment="absent in a deletion"),
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
    state = Table(
        f"{prefix}_state",
        metadata,
        Column("element_id", Text, primary_key=True),
        Column("root_created_at", DateTime(timezone=True), nullable=False, comment="which root it follows"),
        Column("position", BigInteger, nullable=False, comment="every change up to this LSN is in the index"),
        Column("deletions_since", BigInteger, nullable=False, comment="older deletions are not in the index"),
        Column("generation", Integer, nullable=False),
        Column("rebuilding_from", BigInteger, comment="the LSN that a running rebuild began at"),
    )
    return IndexTables(prefix=prefix, files=files, state=state)
