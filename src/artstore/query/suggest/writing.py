"""Keeping terms, in the transaction that keeps the rows of the documents.

Terms are only added here. What no document has any more is found by the sweep (``sweeping``), which is told
here of the owners whose documents went or changed, and which leaves alone what was *seen* lately: so that a
term may be written without looking whether a sweep, that has passed the document already, is about to
remove it.
"""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    JSON,
    ColumnElement,
    SmallInteger,
    Text,
    Uuid,
    bindparam,
    case,
    column,
    func,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.dml import Insert

from artstore.kernel.database import WriteConnection
from artstore.query.catalog.tables import catalog_files
from artstore.query.suggest.tables import SLOT_SECONDS, catalog_term_owners, catalog_terms, this_slot
from artstore.query.suggest.terms import Kind, Source, Term, terms_of
from artstore.wire.documents import Document

MOST_REMEMBERED = 200_000
"""Terms, about 60 bytes each."""
SETTLED_SLOTS = 3
"""For so many slots before its own a sweep leaves alone what was seen: whoever remembers that a term was
seen in one has looked at the clock since, and any transaction of then is over."""
_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Written:
    """What a transaction wrote, for `TermWriter.remember` once it is committed."""

    slot: int = -1
    sources: frozenset[int] = frozenset()


class TermWriter:
    """Writes terms, and remembers which: what was written a moment ago need not be written again.

    It forgets with each slot, and whenever a connection is new: behind it may be another database than
    before. Where there is too much to remember it forgets what it has not met for longest.
    """

    def __init__(self) -> None:
        self._slot = -1
        self._remembered: set[int] = set()
        self._before: set[int] = set()

    async def write(
        self, db: WriteConnection, documents: Sequence[Document], words: Sequence[Sequence[str]]
    ) -> Written:
        """Add the terms of documents; ``words`` of each are those that search finds it by.

        What this answers may be remembered once that is committed.
        """
        self._forget_where_due(db)
        slot = self._slot
        # Off the event loop: a batch takes a while.
        terms, sources = await asyncio.to_thread(self._new_terms, documents, words)
        for start in range(0, len(terms), _AT_ONCE):
            await db.execute(_ADD, {"batch": _as_json(terms[start : start + _AT_ONCE])})
        return Written(slot, sources)

    def remember(self, written: Written) -> None:
        if written.slot != self._slot:
            return
        self._remembered |= written.sources
        if len(self._remembered) > MOST_REMEMBERED // 2:
            self._before, self._remembered = self._remembered, set()

    def _forget_where_due(self, db: WriteConnection) -> None:
        slot = int(time.time()) // SLOT_SECONDS
        met: set[TermWriter] = db.connection.info.setdefault(_MET, set())
        if slot != self._slot or self not in met:
            self._slot = slot
            self._remembered, self._before = set(), set()
            met.add(self)

    def _new_terms(
        self, documents: Sequence[Document], words: Sequence[Sequence[str]]
    ) -> tuple[list[Term], frozenset[int]]:
        """The terms in the order in which every process writes them, so that none waits for another in turn,
        and the sources of those that may be met again.
        """
        found: dict[Source, Term] = {}
        met: set[int] = set()

        def is_new(source: Source) -> bool:
            if source[1] is Kind.NAME:
                return True  # rarely met again
            number = hash(source)
            new = number not in met and number not in self._remembered and number not in self._before
            met.add(number)
            return new

        for document, its_words in zip(documents, words, strict=True):
            for term in terms_of(document, its_words, is_new):
                found.setdefault(term[:3], term)
        return [found[key] for key in sorted(found)], frozenset(met)

    async def doubt_documents(self, db: WriteConnection, element_id: str, file_ids: Sequence[UUID]) -> None:
        """Documents of an element are about to be changed or removed, and perhaps the last of a term."""
        files = catalog_files.c
        these = func.any(bindparam(None, list(file_ids), type_=ARRAY(Uuid)))
        await db.execute(_doubt(files.element_id == element_id, files.file_id == these))

    async def doubt_element(self, db: WriteConnection, element_id: str) -> None:
        """All documents of an element are about to be removed."""
        await db.execute(_doubt(catalog_files.c.element_id == element_id))


def _as_json(terms: Sequence[Term]) -> str:
    # One text, because a driver looks at every character of an array of texts.
    return json.dumps([term._asdict() for term in terms], ensure_ascii=False)


def _add() -> Insert:
    given = (
        func.json_to_recordset(bindparam("batch", type_=Text).cast(JSON))
        .table_valued(
            column("owner", Text),
            column("kind", SmallInteger),
            column("key", Text),
            column("shown", Text),
            column("spelling", Text),
        )
        .render_derived(name="given", with_types=True)
    )
    names = ["owner", "kind", "key", "shown", "spelling", "seen"]
    statement = insert(catalog_terms).from_select(names, select(*given.c, this_slot))
    return statement.on_conflict_do_update(
        index_elements=[catalog_terms.c.owner, catalog_terms.c.kind, catalog_terms.c.key],
        set_={"seen": statement.excluded.seen},
        where=catalog_terms.c.seen < statement.excluded.seen,
    )


def _doubt(*where: ColumnElement[bool]) -> Insert:
    owner = catalog_files.c.created_by_id
    affected = select(owner, literal(1), literal(0), _settled()).where(*where).distinct().order_by(owner)
    owners = catalog_term_owners.c
    statement = insert(catalog_term_owners).from_select(["owner", "doubts", "swept", "due"], affected)
    return statement.on_conflict_do_update(
        index_elements=[owners.owner],
        set_={
            "doubts": owners.doubts + 1,
            "due": case(
                (owners.doubts > owners.swept, owners.due), else_=func.greatest(owners.due, _settled())
            ),
        },
    )


def settled_after() -> timedelta:
    """After which time a sweep no longer leaves alone what is seen now."""
    return timedelta(seconds=SLOT_SECONDS * (SETTLED_SLOTS + 2))


def _settled() -> ColumnElement[datetime]:
    return func.now() + settled_after()


_MET = "artstore.terms"
_ADD = _add()
