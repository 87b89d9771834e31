"""Questions with operators, words told from their stems, and parts of names."""

from alembic import op
from sqlalchemy import text

revision = "0003_search"
down_revision = "0003_links"
branch_labels = None
depends_on = None

NAME = "catalog_files_by_part_of_name"

# As before, but stems have the weight A, so that a word can be asked for as it was written (weight D). A
# stem that is the word itself is left out: of two weights at one position PostgreSQL keeps the higher
# one.
SEARCH_VECTOR = """
CREATE OR REPLACE FUNCTION query.search_vector(words text[], positions integer[]) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (
    SELECT coalesce(string_agg(
        '''' || word || ''':' || place
            || coalesce(' ''' || nullif(query.stem(word), word) || ''':' || place || 'A', ''), ' '
    ), '')::tsvector
    FROM unnest(words, positions) AS given(word, place)
)
"""
SEARCH_VECTOR_BEFORE = """
CREATE OR REPLACE FUNCTION query.search_vector(words text[], positions integer[]) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (
    SELECT coalesce(string_agg(
        '''' || word || ''':' || place || coalesce(' ''' || query.stem(word) || ''':' || place, ''), ' '
    ), '')::tsvector
    FROM unnest(words, positions) AS given(word, place)
)
"""

# A word with the gap 0 begins a term. A term that is an alternative joins the term before it with "or",
# any other one begins a group; all groups must be found. Words hold letters, digits and marks only
# (search/text.py); they are quoted nevertheless.
SEARCH_QUERY = r"""
CREATE FUNCTION query.search_query(
    words text[], gaps integer[], alternatives boolean[], negations boolean[], prefixes boolean[],
    stems boolean
) RETURNS tsquery
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (
    SELECT coalesce(string_agg(
        CASE
            WHEN gap > 0 THEN ' <' || gap || '> '
            ELSE CASE WHEN place = 1 THEN '(' WHEN alternative THEN ') | ' ELSE ')) & (' END
                || CASE WHEN negated THEN '!(' ELSE '(' END
        END
        || CASE
            WHEN NOT stems THEN quoted || CASE WHEN prefix THEN ':*' ELSE ':' END || 'D'
            WHEN prefix THEN quoted || ':*'
            ELSE '(' || quoted || coalesce(' | ''' || query.stem(word) || '''', '') || ')'
        END,
        '' ORDER BY place
    ) || '))', '')::tsquery
    FROM (
        SELECT *, '''' || replace(replace(word, '\', '\\'), '''', '''''') || '''' AS quoted
        FROM unnest(words, gaps, alternatives, negations, prefixes)
            WITH ORDINALITY AS given(word, gap, alternative, negated, prefix, place)
    ) AS asked
)
"""


# Case and accents, by code points alone: what PostgreSQL's lower() does depends on the locale of the
# database. Only as much as names of files need; what is asked goes through it too, so that both meet.
# Capitals that are rare stand apart, for translate() compares each letter with all that it knows.
_ALPHABETS = (range(0x41, 0x5B), range(0x391, 0x3AA), range(0x410, 0x430))  # Latin, Greek, Cyrillic
_FROM = "".join(map(chr, (*_ALPHABETS[0], *_ALPHABETS[1], *_ALPHABETS[2])))
_TO = "".join(map(chr, (ord(capital) + 32 for capital in _FROM)))
_RARE = {
    **{chr(capital): chr(capital + 80) for capital in range(0x400, 0x410)},
    **{chr(capital): chr(capital + 48) for capital in range(0x531, 0x557)},  # Armenian
    **{
        chr(capital): chr(capital + 1)
        for first, last in ((0x460, 0x481), (0x48A, 0x4C0), (0x4D0, 0x52F))
        for capital in range(first, last, 2)
    },
    **dict(zip("ςØøŁłĐđĦħŦŧıðÐÆŒÞẞ", "σoollddhhttiddæœþß", strict=True)),
}
_RARE_FROM, _RARE_TO = "".join(_RARE), "".join(_RARE.values())
_ACCENTS = (
    r"[\u0300-\u036F\u00AD\u061C\u200B-\u200F\u202A-\u202E\u2060-\u206F"
    r"\u20D0-\u20FF\uFE00-\uFE0F\uFEFF]+"
)

FOLDED = rf"""
CREATE FUNCTION query.folded(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN CASE
    WHEN octet_length(value) = length(value) THEN lower(value COLLATE "C")
    WHEN value COLLATE "C" ~ '[{_RARE_FROM}ßæœþ]' THEN
        replace(replace(replace(replace(
            translate(
                regexp_replace(normalize(value, NFKD) COLLATE "C", '{_ACCENTS}', '', 'g'),
                '{_FROM + _RARE_FROM}', '{_TO + _RARE_TO}'
            ),
            'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th')
    ELSE
        translate(
            regexp_replace(normalize(value, NFKD) COLLATE "C", '{_ACCENTS}', '', 'g'), '{_FROM}', '{_TO}'
        )
END
"""

# Every three characters that follow each other. Those of pg_trgm hold letters only, and only what the
# locale of the database takes for letters: none of Cyrillic under "C". The cost keeps the planner from
# comparing row by row where the index or a cheaper condition would do. What comes twice stays: the index
# keeps it once.
TRIGRAMS = """
CREATE FUNCTION query.trigrams(value text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT COST 1000
RETURN (
    SELECT coalesce(array_agg(substr(value, place, 3) COLLATE "C"), '{}')
    FROM generate_series(1, length(value) - 2) AS place
)
"""

# Rows from before have stems that look like words. They are made anew from the elements.
REBUILD = """
INSERT INTO query.catalog_rebuild (id, asked_at, documents, expected, kept)
SELECT 1, now(), 0, 0, '{}' WHERE EXISTS (SELECT FROM query.catalog_files)
ON CONFLICT (id) DO UPDATE SET asked_at = excluded.asked_at, builder = NULL, finished_at = NULL
"""


def upgrade() -> None:
    op.execute(SEARCH_VECTOR)
    op.execute(SEARCH_QUERY)
    op.execute(FOLDED)
    op.execute(TRIGRAMS)
    op.create_index(
        NAME,
        "catalog_files",
        [text("query.trigrams(query.folded(document ->> 'original_filename'))")],
        schema="query",
        postgresql_using="gin",
    )
    op.execute(REBUILD)


def downgrade() -> None:
    op.drop_index(NAME, "catalog_files", schema="query")
    op.execute("DROP FUNCTION query.trigrams(text)")
    op.execute("DROP FUNCTION query.folded(text)")
    op.execute(
        "DROP FUNCTION query.search_query(text[], integer[], boolean[], boolean[], boolean[], boolean)"
    )
    op.execute(SEARCH_VECTOR_BEFORE)
