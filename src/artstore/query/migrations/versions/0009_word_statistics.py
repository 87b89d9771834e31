"""How often more words stand: PostgreSQL then knows for most beginnings of words whether to read the newest
documents until a page is full, or to ask the index for all that have such a word.

Counted at once, because nothing else might count for long in an archive that hardly changes.
"""

from alembic import op

revision = "0009_word_statistics"
down_revision = "0008_direct_links"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("ALTER TABLE query.catalog_files ALTER COLUMN search SET STATISTICS 1000")
    op.execute("SET LOCAL statement_timeout = 0")
    op.execute("ANALYZE query.catalog_files (search)")


def downgrade() -> None:
    op.execute("ALTER TABLE query.catalog_files ALTER COLUMN search SET STATISTICS -1")
