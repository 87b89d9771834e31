"""Links by which a document is fetched from its element."""

from alembic import op
from sqlalchemy import Boolean, Column, false

revision = "0008_direct_links"
down_revision = "0007_kept_columns"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column(
        "links",
        Column(
            "direct",
            Boolean,
            nullable=False,
            server_default=false(),
            comment="fetched from the element",
        ),
        schema="query",
    )


def downgrade() -> None:
    op.drop_column("links", "direct", schema="query")
