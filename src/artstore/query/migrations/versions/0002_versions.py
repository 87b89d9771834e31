"""Versions of a document are found by the id that they share."""

from alembic import op
from sqlalchemy import text

revision = "0002_versions"
down_revision = "0001"
branch_labels = None
depends_on = None

NAME = "catalog_files_by_document"


def upgrade() -> None:
    op.create_index(
        NAME,
        "catalog_files",
        [text("(document ->> 'document_id')"), "created_at", "file_id", "element_id"],
        schema="query",
        postgresql_where=text("(document ->> 'document_id') IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index(NAME, "catalog_files", schema="query")
