"""The catalog, its positions, and the functions that make words searchable."""

from alembic import op
from sqlalchemy import BigInteger, Column, DateTime, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

EXTENSIONS = ("btree_gin", "pg_trgm", "unaccent")

# The stem of a word in letters that a dictionary knows; NULL for other words, and for those that are too
# common to have one. By code points, for what is a letter must not depend on the locale of the database.
STEM = """
CREATE FUNCTION query.stem(word text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN word COLLATE "C" BETWEEN 'a' AND '{' THEN (ts_lexize('pg_catalog.english_stem', word))[1]
    WHEN word COLLATE "C" BETWEEN 'а' AND 'ӿ' THEN (ts_lexize('pg_catalog.russian_stem', word))[1]
END
"""

# Words hold letters, digits and marks only (search/text.py), and need no escaping. A stem stands at the
# position of its word, so that "stands beside" means the same for both.
SEARCH_VECTOR = """
CREATE FUNCTION query.search_vector(words text[], positions integer[]) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (
    SELECT coalesce(string_agg(
        '''' || word || ''':' || place || coalesce(' ''' || query.stem(word) || ''':' || place, ''), ' '
    ), '')::tsvector
    FROM unnest(words, positions) AS given(word, place)
)
"""

# A gap of 0 begins a new term, which may stand anywhere; any other is the distance from the word before.
SEARCH_QUERY = """
CREATE FUNCTION query.search_query(words text[], gaps integer[]) RETURNS tsquery
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (
    SELECT coalesce(string_agg(
        CASE WHEN place = 1 THEN '' WHEN gap = 0 THEN ' & ' ELSE ' <' || gap || '> ' END
            || '(''' || word || coalesce(''' | ''' || query.stem(word), '') || ''')',
        '' ORDER BY place
    ), '')::tsquery
    FROM unnest(words, gaps) WITH ORDINALITY AS given(word, gap, place)
)
"""


def upgrade() -> None:
    for extension in EXTENSIONS:
        op.execute(f"CREATE EXTENSION IF NOT EXISTS {extension} SCHEMA public")
    op.execute(STEM)
    op.execute(SEARCH_VECTOR)
    op.execute(SEARCH_QUERY)
    op.create_table(
        "catalog_files",
        Column("file_id", Uuid, primary_key=True),
        Column("element_id", Text, primary_key=True),
        Column("lsn", BigInteger, nullable=False, comment="of the element's last change that this row shows"),
        Column("created_by_id", Text, nullable=False),
        Column("created_at", DateTime(timezone=True), nullable=False),
        Column("document", JSONB, nullable=False, comment="wire.documents.Document"),
        Column(
            "search",
            TSVECTOR,
            nullable=False,
            comment="query.search_vector() of search.text.document_words()",
        ),
        schema="query",
    )
    for name, columns, method in (
        ("catalog_files_by_time", ["created_at", "file_id", "element_id"], "btree"),
        ("catalog_files_by_owner", ["created_by_id", "created_at", "file_id", "element_id"], "btree"),
        ("catalog_files_by_element", ["element_id"], "btree"),
        ("catalog_files_by_word", ["search", "created_by_id"], "gin"),
    ):
        op.create_index(name, "catalog_files", columns, schema="query", postgresql_using=method)
    op.create_table(
        "catalog_positions",
        Column("element_id", Text, primary_key=True),
        Column(
            "lsn", BigInteger, nullable=False, comment="every change up to it is in catalog_files; -1: none"
        ),
        schema="query",
    )


def downgrade() -> None:
    op.drop_table("catalog_positions", schema="query")
    op.drop_table("catalog_files", schema="query")
    op.execute("DROP FUNCTION query.search_query(text[], integer[])")
    op.execute("DROP FUNCTION query.search_vector(text[], integer[])")
    op.execute("DROP FUNCTION query.stem(text)")
