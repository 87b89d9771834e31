"""The tables of the catalog; the migrations create exactly these."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Computed,
    DateTime,
    FromClause,
    Index,
    MetaData,
    Table,
    Text,
    Uuid,
    and_,
    cast,
    exists,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlalchemy.sql.base import ReadOnlyColumnCollection

SCHEMA = "query"
WORD_STATISTICS = 1000
"""The target of PostgreSQL for the column ``search``, which remembers ten times as many words."""
Columns = ReadOnlyColumnCollection[str, ColumnElement[Any]]
metadata = MetaData(schema=SCHEMA)

catalog_files = Table(
    "catalog_files",
    metadata,
    Column("file_id", Uuid, primary_key=True),
    # Part of the key: a document may lie in two elements while it moves from one to the other, and each of
    # them speaks only about its own.
    Column("element_id", Text, primary_key=True),
    Column("lsn", BigInteger, nullable=False, comment="of the element's last change that this row shows"),
    Column("created_by_id", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("document", JSONB, nullable=False, comment="wire.documents.Document"),
    Column(
        "search", TSVECTOR, nullable=False, comment="query.search_vector() of search.text.document_words()"
    ),
    # Kept, though the document tells them: a search that is answered from another index compares each row
    # that it meets with them, and making them takes a hundred times as long as reading them.
    Column(
        "labels",
        ARRAY(Text),
        Computed("query.labels(document)", persisted=True),
        comment="what it has in common with others: its type, extension, tags and so on, as short texts",
    ),
    Column(
        "folded_name",
        Text(collation="C"),
        Computed("query.folded((document ->> 'original_filename') COLLATE \"C\")", persisted=True),
        comment="the file name without case and accents",
    ),
    Column(
        "stays",
        Boolean,
        Computed("coalesce((document ->> 'retention_policy') = 'permanent', false)", persisted=True),
        comment="whether it is permanent: of two copies, the one to which the document has moved",
    ),
)
Index(
    "catalog_files_by_time", catalog_files.c.created_at, catalog_files.c.file_id, catalog_files.c.element_id
)
Index(
    "catalog_files_by_owner",
    catalog_files.c.created_by_id,
    catalog_files.c.created_at,
    catalog_files.c.file_id,
    catalog_files.c.element_id,
)
Index("catalog_files_by_element", catalog_files.c.element_id)
Index(
    "catalog_files_by_word",
    catalog_files.c.search,
    # So that a word that is frequent, but not in the caller's own documents, is found without reading the
    # others'.
    catalog_files.c.created_by_id,
    postgresql_using="gin",
)


def document_id(columns: ReadOnlyColumnCollection[str, ColumnElement[Any]]) -> ColumnElement[str]:
    """Of which document a row is a version; NULL for the first one, whose own id is that of the document."""
    # Literally: an index is not found by a parameter.
    found: ColumnElement[str] = columns["document"].op("->>")(literal_column("'document_id'"))
    return found


Index(
    "catalog_files_by_document",
    document_id(catalog_files.c),
    catalog_files.c.created_at,
    catalog_files.c.file_id,
    catalog_files.c.element_id,
    postgresql_where=document_id(catalog_files.c).is_not(None),
)


Index(
    "catalog_files_by_part_of_name",
    func.query.trigrams(catalog_files.c.folded_name),
    postgresql_using="gin",
)


def file_size(columns: Columns) -> ColumnElement[int]:
    return cast(columns["document"].op("->>")(literal_column("'file_size'")), BigInteger)


def updated_at(columns: Columns) -> ColumnElement[datetime]:
    when = columns["document"].op("->>")(literal_column("'updated_at'"))
    return func.query.moment(when, type_=DateTime(timezone=True))


def name_key(columns: Columns) -> ColumnElement[str]:
    """What names are ordered by: without case and accents, by code points."""
    return func.left(columns["folded_name"], literal_column("100"), type_=Text)


Index("catalog_files_by_label", catalog_files.c.labels, postgresql_using="gin")
Index(
    "catalog_files_by_attribute",
    catalog_files.c.document.op("->")(literal_column("'custom_attributes'")).label("attributes"),
    postgresql_using="gin",
    postgresql_ops={"attributes": "jsonb_path_ops"},
)
for _name, _key in (
    ("size", file_size(catalog_files.c)),
    ("update", updated_at(catalog_files.c)),
    ("name", name_key(catalog_files.c)),
):
    Index(
        f"catalog_files_by_{_name}",
        _key,
        catalog_files.c.created_at,
        catalog_files.c.file_id,
        catalog_files.c.element_id,
    )

catalog_positions = Table(
    "catalog_positions",
    metadata,
    Column("element_id", Text, primary_key=True),
    Column("lsn", BigInteger, nullable=False, comment="every change up to it is in catalog_files; -1: none"),
)


def is_held(columns: ReadOnlyColumnCollection[str, ColumnElement[Any]]) -> ColumnElement[bool]:
    """Whether a row is of a document that is moving to another element."""
    return columns["document"].op("?", return_type=Boolean())(literal_column("'transfer_id'"))


def has_moved(rows: FromClause = catalog_files) -> ColumnElement[bool]:
    """Whether another row is of the same document, and is to be shown instead: while a document moves to
    another element, both tell of it. That is the one that stays; where both are held, they are the same.
    """
    files, other = rows.c, catalog_files.alias("other")
    is_first = or_(~is_held(other.c), other.c.element_id < files.element_id)
    return exists(
        select(1).where(
            other.c.file_id == files.file_id,
            other.c.element_id != files.element_id,
            or_(other.c.stays, and_(is_held(files), is_first)),
        )
    ).correlate(rows)
