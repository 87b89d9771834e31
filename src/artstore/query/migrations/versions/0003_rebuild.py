"""The row of a rebuild of the catalog."""

from alembic import op
from sqlalchemy import ARRAY, BigInteger, Column, DateTime, SmallInteger, Text, Uuid

revision = "0003_rebuild"
down_revision = "0002_versions"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "catalog_rebuild",
        Column(
            "id", SmallInteger, primary_key=True, autoincrement=False, comment="1: there is one row at most"
        ),
        Column("asked_at", DateTime(timezone=True), nullable=False),
        Column("builder", Uuid, comment="of the attempt that is at it; whoever is another must stop"),
        Column("alive_at", DateTime(timezone=True), comment="when the builder was last heard of"),
        Column("started_at", DateTime(timezone=True)),
        Column("finished_at", DateTime(timezone=True)),
        Column("documents", BigInteger, nullable=False),
        Column("expected", BigInteger, nullable=False),
        Column("waits_for", Text),
        Column("kept", ARRAY(Text), nullable=False),
        schema="query",
    )


def downgrade() -> None:
    op.drop_table("catalog_rebuild", schema="query")
