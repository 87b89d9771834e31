"""A document as a row of the catalog, and back."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from artstore.query.catalog.changes import DocumentChange
from artstore.query.search.text import document_words
from artstore.wire.documents import Document

_MEMBERS = tuple(Document.model_fields)


def columns(changes: Iterable[DocumentChange]) -> dict[str, Sequence[Any]]:
    """The arrays that the upsert takes, one element for each document that exists.

    Words and positions go as one text each, parted by blanks: arrays of arrays must all have one length.
    """
    rows = [_row(change, change.document) for change in changes if change.document is not None]
    names = ("file_ids", "lsns", "created_by_ids", "created_ats", "documents", "words", "positions")
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


def _row(change: DocumentChange, document: Document) -> tuple[object, ...]:
    found = document_words(searchable_texts(document))
    return (
        change.file_id,
        change.lsn,
        document.created_by_id,
        document.created_at,
        document.model_dump_json(exclude_none=True),
        " ".join(found.words),
        " ".join(map(str, found.positions)),
    )


def searchable_texts(document: Document) -> Iterator[str]:
    """What a document is found by: name, description, tags, values of custom attributes, who stored it."""
    yield document.original_filename
    yield document.description or ""
    yield from document.tags or ()
    yield from _texts_in(document.custom_attributes)
    yield document.created_by_username
    yield document.created_by_fullname or ""


def hit(document: Mapping[str, Any], element_id: str) -> dict[str, Any]:
    """The JSON of a ``wire.documents.SearchHit``, in the order of attributes, which jsonb does not keep."""
    known = {name: document[name] for name in _MEMBERS if name in document}
    return {**known, **document, "element_id": element_id}


def _texts_in(value: Any) -> Iterator[str]:
    """The strings and numbers in a JSON value, however deep. Keys are names, not content."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)
    elif isinstance(value, dict | list):
        for member in value.values() if isinstance(value, dict) else value:
            yield from _texts_in(member)
