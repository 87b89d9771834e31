"""The index of one element: its files and where it stands, under the element's table prefix."""

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    schema: str = context.config.attributes["schema"]
    prefix: str = context.config.attributes["prefix"]
    op.create_table(
        f"{prefix}_files",
        sa.Column("file_id", sa.Uuid, primary_key=True),
        sa.Column("lsn", sa.BigInteger, nullable=False, comment="LSN of the last change"),
        sa.Column("generation", sa.Integer, nullable=False, comment="number of the rebuild that last saw it"),
        sa.Column("storage_path", sa.Text, comment="absent in a deletion"),
        sa.Column("created_at", sa.DateTime(timezone=True)),
        sa.Column("created_by_id", sa.Text),
        sa.Column("attributes", postgresql.JSON, comment="absent in a deletion"),
        schema=schema,
    )
    existing = sa.text("attributes IS NOT NULL")
    op.create_index(
        f"{prefix}_files_by_time",
        f"{prefix}_files",
        ["created_at", "file_id"],
        schema=schema,
        postgresql_where=existing,
    )
    op.create_index(
        f"{prefix}_files_by_owner",
        f"{prefix}_files",
        ["created_by_id", "created_at", "file_id"],
        schema=schema,
        postgresql_where=existing,
    )
    op.create_index(f"{prefix}_files_by_lsn", f"{prefix}_files", ["lsn", "file_id"], schema=schema)
    op.create_table(
        f"{prefix}_state",
        sa.Column("element_id", sa.Text, primary_key=True),
        sa.Column(
            "root_created_at", sa.DateTime(timezone=True), nullable=False, comment="which root it follows"
        ),
        sa.Column(
            "position", sa.BigInteger, nullable=False, comment="every change up to this LSN is in the index"
        ),
        sa.Column(
            "deletions_since",
            sa.BigInteger,
            nullable=False,
            comment="older deletions are not in the index",
        ),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("rebuilding_from", sa.BigInteger, comment="the LSN that a running rebuild began at"),
        schema=schema,
    )


def downgrade() -> None:
    schema: str = context.config.attributes["schema"]
    prefix: str = context.config.attributes["prefix"]
    op.drop_table(f"{prefix}_state", schema=schema)
    op.drop_table(f"{prefix}_files", schema=schema)
