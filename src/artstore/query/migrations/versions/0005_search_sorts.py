"""Documents in the order of their names."""

from alembic import op
from sqlalchemy import text

revision = "0005_search_sorts"
down_revision = "0004_search_filters"
branch_labels = None
depends_on = None

NAME = "catalog_files_by_name"


def upgrade() -> None:
    # The first hundred characters, for an entry of an index must not be large.
    key = """left(query.folded((document ->> 'original_filename') COLLATE "C"), 100)"""
    op.create_index(NAME, "catalog_files", [text(key), "created_at", "file_id", "element_id"], schema="query")


def downgrade() -> None:
    op.drop_index(NAME, "catalog_files", schema="query")
