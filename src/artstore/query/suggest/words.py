"""The queries of corrections: which known words are like another, and which the caller may see."""

from collections.abc import Collection

from sqlalchemy import bindparam, text

from artstore.kernel.database import ReadConnection
from artstore.query.suggest.terms import spelling

SIMILARITY = 0.25
"""Which part of their trigrams two words have in common, at least: words of four letters, of which one in the
middle is wrong, have so many. What is far off all the same is left to ``nearness``."""
MOST_LIKE = 20
"""Words that are looked at for each, the likest first."""

_THRESHOLD = text("SELECT set_config('pg_trgm.similarity_threshold', :similarity, true)")
_LIKE = text("""
    SELECT asked.word, found.key
    FROM unnest(cast(:words AS text[]), cast(:spellings AS text[])) AS asked(word, spelling),
        LATERAL (
            SELECT key, public.similarity(terms.spelling, asked.spelling) AS likeness
            FROM query.catalog_terms AS terms
            WHERE terms.spelling OPERATOR(public.%) asked.spelling
                AND abs(length(terms.spelling) - length(asked.spelling)) <= 2
            ORDER BY likeness DESC, key LIMIT :most
        ) AS found
    ORDER BY asked.word, found.likeness DESC, found.key
""").bindparams(bindparam("most", MOST_LIKE))
# Words of letters alone need no escaping.
_SEEN = """
    SELECT asked.word
    FROM (
        SELECT word, '''' || word || '''' || coalesce(' | ''' || query.stem(word) || '''', '') AS forms
        FROM unnest(cast(:words AS text[])) AS given(word)
    ) AS asked
    WHERE EXISTS (
        SELECT FROM query.catalog_files AS files WHERE files.search @@ cast(asked.forms AS tsquery)
"""
_SEEN_BY_ALL = text(_SEEN + ")")
_SEEN_BY_SOME = text(_SEEN + "AND files.created_by_id = ANY (cast(:owners AS text[])))")


class WordRepository:
    async def like(self, db: ReadConnection, words: Collection[str]) -> dict[str, list[str]]:
        """For each of the words those that some document has and that are like it, the likest first."""
        await db.scalar(_THRESHOLD, {"similarity": str(SIMILARITY)})
        asked = sorted(words)
        rows = await db.execute(_LIKE, {"words": asked, "spellings": [spelling(word) for word in asked]})
        found: dict[str, list[str]] = {word: [] for word in asked}
        for word, key in rows:
            found[word].append(key)
        return found

    async def seen(
        self, db: ReadConnection, words: Collection[str], *, owners: frozenset[str] | None
    ) -> set[str]:
        """Those of the words that a document has, in this or another form.

        A document of the accounts ``owners``, or of any where it is None.
        """
        if owners is None:
            rows = await db.execute(_SEEN_BY_ALL, {"words": sorted(words)})
        else:
            rows = await db.execute(_SEEN_BY_SOME, {"words": sorted(words), "owners": sorted(owners)})
        return {row.word for row in rows}
