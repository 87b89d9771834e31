"""Terms of documents; those of documents that are there already follow by and by."""

from alembic import op
from sqlalchemy import BigInteger, Column, DateTime, Integer, SmallInteger, Text, Uuid, text

revision = "0006_terms"
down_revision = "0005_search_sorts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "catalog_terms",
        Column(
            "owner",
            Text(collation="C"),
            primary_key=True,
            comment="created_by_id of the documents; of words empty",
        ),
        Column("kind", SmallInteger, primary_key=True, comment="suggest.terms.Kind", autoincrement=False),
        Column(
            "key", Text(collation="C"), primary_key=True, comment="what is compared: suggest.terms.keys()"
        ),
        Column("shown", Text, nullable=False, comment="the text as it stands in one of the documents"),
        Column("spelling", Text(collation="C"), comment="of words: suggest.terms.spelling()"),
        Column("seen", Integer, nullable=False, comment="when it was last written, in slots of 15 minutes"),
        schema="query",
    )
    op.create_index("catalog_terms_by_key", "catalog_terms", ["kind", "key"], schema="query")
    op.create_index(
        "catalog_terms_by_spelling",
        "catalog_terms",
        ["spelling"],
        schema="query",
        postgresql_using="gin",
        postgresql_ops={"spelling": "public.gin_trgm_ops"},
        postgresql_where=text("spelling IS NOT NULL"),
    )
    op.create_table(
        "catalog_term_owners",
        Column("owner", Text(collation="C"), primary_key=True),
        Column("doubts", BigInteger, nullable=False, comment="how often documents of it went or changed"),
        Column("swept", BigInteger, nullable=False, comment="doubts that a sweep has settled"),
        Column(
            "due",
            DateTime(timezone=True),
            nullable=False,
            comment="when it is swept next",
        ),
        schema="query",
    )
    op.create_index(
        "catalog_term_owners_by_due",
        "catalog_term_owners",
        ["due"],
        schema="query",
        postgresql_where=text("doubts > swept"),
    )
    op.create_table(
        "catalog_term_backfills",
        Column("number", Integer, primary_key=True, autoincrement=False),
        Column(
            "file_id", Uuid, comment="of the last row of catalog_files whose terms were made; NULL: none yet"
        ),
        Column("element_id", Text),
        schema="query",
    )
    op.execute(
        "INSERT INTO query.catalog_term_backfills (number)"
        " SELECT 1 WHERE EXISTS (SELECT FROM query.catalog_files)"
    )


def downgrade() -> None:
    for table in ("catalog_term_backfills", "catalog_term_owners", "catalog_terms"):
        op.drop_table(table, schema="query")
