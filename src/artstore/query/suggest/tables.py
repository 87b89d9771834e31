"""The tables of terms; the migrations create exactly these."""

from sqlalchemy import BigInteger, Column, DateTime, Index, Integer, SmallInteger, Table, Text, Uuid, func

from artstore.query.catalog.tables import metadata

SLOT_SECONDS = 900
"""How exactly it is known when a term was last written."""

catalog_terms = Table(
    "catalog_terms",
    metadata,
    Column(
        "owner",
        Text(collation="C"),
        primary_key=True,
        comment="created_by_id of the documents; of words empty",
    ),
    Column("kind", SmallInteger, primary_key=True, comment="suggest.terms.Kind"),
    Column("key", Text(collation="C"), primary_key=True, comment="what is compared: suggest.terms.keys()"),
    Column("shown", Text, nullable=False, comment="the text as it stands in one of the documents"),
    Column("spelling", Text(collation="C"), comment="of words: suggest.terms.spelling()"),
    Column("seen", Integer, nullable=False, comment="when it was last written, in slots of 15 minutes"),
)
Index("catalog_terms_by_key", catalog_terms.c.kind, catalog_terms.c.key)
Index(
    "catalog_terms_by_spelling",
    catalog_terms.c.spelling,
    postgresql_using="gin",
    postgresql_ops={"spelling": "public.gin_trgm_ops"},
    postgresql_where=catalog_terms.c.spelling.is_not(None),
)

catalog_term_owners = Table(
    "catalog_term_owners",
    metadata,
    Column("owner", Text(collation="C"), primary_key=True),
    Column("doubts", BigInteger, nullable=False, comment="how often documents of it went or changed"),
    Column("swept", BigInteger, nullable=False, comment="doubts that a sweep has settled"),
    Column("due", DateTime(timezone=True), nullable=False, comment="when it is swept next"),
)
Index(
    "catalog_term_owners_by_due",
    catalog_term_owners.c.due,
    postgresql_where=catalog_term_owners.c.doubts > catalog_term_owners.c.swept,
)

catalog_term_backfills = Table(
    "catalog_term_backfills",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("file_id", Uuid, comment="of the last row of catalog_files whose terms were made; NULL: none yet"),
    Column("element_id", Text),
)

this_slot = func.floor(func.extract("epoch", func.now()) / SLOT_SECONDS).cast(Integer)
"""By the clock of the database, which all processes share."""
