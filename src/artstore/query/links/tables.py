"""The table of links."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Index, LargeBinary, Table, Text, Uuid, false

from artstore.query.catalog.tables import metadata

links = Table(
    "links",
    metadata,
    Column("link_id", Uuid, primary_key=True),
    Column("secret_hash", LargeBinary, nullable=False, comment="SHA-256 of the secret in the address"),
    Column("file_id", Uuid, nullable=False),
    Column("account_id", Text, nullable=False, comment="which made it, and for whose tokens it stands"),
    Column("epoch", BigInteger, nullable=False, comment="of the account's tokens when it was made"),
    Column("session_id", Text, comment="of the person who made it"),
    Column("rate_limit", BigInteger, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("once", Boolean, nullable=False),
    Column("address", Text, comment="the network from which it may be used"),
    Column("direct", Boolean, nullable=False, server_default=false(), comment="fetched from the element"),
    Column("used_at", DateTime(timezone=True), comment="first, of one that is for one use"),
    Column("used_by", Text, comment="the address that used it first"),
)
Index("links_by_secret", links.c.secret_hash, unique=True)
Index("links_by_account", links.c.account_id, links.c.created_at)
Index("links_by_end", links.c.expires_at)
