"""The row of the rebuild, and the tables that are filled beside those of the catalog."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    DateTime,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
)

from artstore.query.catalog.tables import catalog_files, catalog_positions, metadata

NEXT_SCHEMA = "query_next"
"""Apart, so that tables and indexes have the same names in both places, and keep them when they move."""

catalog_rebuild = Table(
    "catalog_rebuild",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False, comment="1: there is one row at most"),
    Column("asked_at", DateTime(timezone=True), nullable=False),
    Column("builder", Uuid, comment="of the attempt that is at it; whoever is another must stop"),
    Column("alive_at", DateTime(timezone=True), comment="when the builder was last heard of"),
    Column("started_at", DateTime(timezone=True)),
    Column("finished_at", DateTime(timezone=True)),
    Column("documents", BigInteger, nullable=False),
    Column("expected", BigInteger, nullable=False),
    Column("waits_for", Text),
    Column("kept", ARRAY(Text), nullable=False),
)

next_metadata = MetaData(schema=NEXT_SCHEMA)
next_files = catalog_files.to_metadata(next_metadata, schema=NEXT_SCHEMA)
next_positions = catalog_positions.to_metadata(next_metadata, schema=NEXT_SCHEMA)
