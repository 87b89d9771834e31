"""Links to documents."""

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, DateTime, LargeBinary, Text, Uuid

revision = "0003_links"
down_revision = "0003_rebuild"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "links",
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
        Column("used_at", DateTime(timezone=True), comment="first, of one that is for one use"),
        Column("used_by", Text, comment="the address that used it first"),
        schema="query",
    )
    op.create_index("links_by_secret", "links", ["secret_hash"], unique=True, schema="query")
    op.create_index("links_by_account", "links", ["account_id", "created_at"], schema="query")
    op.create_index("links_by_end", "links", ["expires_at"], schema="query")


def downgrade() -> None:
    op.drop_table("links", schema="query")
