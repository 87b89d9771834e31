"""Removing terms that no document has any more, in the background.

An owner is *doubted* when documents of it changed or went (``writing``). A sweep goes through its documents
in small steps, keeps a sketch of the terms that they have, and then removes those that are not in it. It
leaves alone what was seen lately, since a document that it has passed may have got it meanwhile, and then
comes again. Where it dies, the owner is swept anew an hour later.
"""

import asyncio
import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NoReturn

from artstore.kernel.database import Database, DatabaseDown
from artstore.query import metrics
from artstore.query.suggest.sketch import Sketch
from artstore.query.suggest.sweeps import Doubt, Place, SweepRepository
from artstore.query.suggest.terms import Kind, keys, suggested_texts
from artstore.query.suggest.writing import SETTLED_SLOTS, settled_after
from artstore.wire.documents import Document

LOOK_EVERY_SECONDS = 30.0
RESTS = 50
"""How many times as long as a sweep took the owner is left alone after it: 2 % of the time at most."""


@dataclass(slots=True)
class _Swept:
    removed: int = 0
    unsettled: bool = False


class Sweeper:
    """``run`` never returns. Any number of processes may do it: each owner is swept by one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._repository = SweepRepository()

    async def run(self) -> NoReturn:
        while True:
            try:
                swept = await self.step()
            except DatabaseDown:  # told by others
                swept = False
            if not swept:
                await asyncio.sleep(LOOK_EVERY_SECONDS * random.uniform(0.5, 1.0))

    async def step(self) -> bool:
        """Sweep the owner that has been due for longest; whether there was one."""
        began = time.monotonic()
        async with self._database.write() as db:
            doubt = await self._repository.claim(db)
        if doubt is None:
            return False
        swept = await self._sweep(doubt)
        rest = max(settled_after(), RESTS * timedelta(seconds=time.monotonic() - began))
        async with self._database.write() as db:
            await self._repository.settle(db, doubt, whole=not swept.unsettled, rest=rest)
            if swept.removed and doubt.owner != "":
                await self._repository.doubt_words(db, rest)
        metrics.TERMS_REMOVED.inc(swept.removed)
        return True

    async def _sweep(self, doubt: Doubt) -> _Swept:
        had = await self._sketch(doubt.owner)
        swept = _Swept()
        before = doubt.slot - SETTLED_SLOTS
        place: tuple[int, str] | None = None
        while True:
            began = time.monotonic()
            async with self._database.write() as db:
                terms = await self._repository.terms(db, doubt.owner, place)
                gone = [(term.kind, term.key) for term in terms if _known(term.kind, term.key) not in had]
                words = [key for kind, key in gone if kind == Kind.WORD]
                still = await self._repository.words_in_use(db, words)
                gone = [(kind, key) for kind, key in gone if kind != Kind.WORD or key not in still]
                removed = await self._repository.remove(db, doubt.owner, gone, before)
            swept.removed += removed
            swept.unsettled |= removed < len(gone)
            if not terms:
                return swept
            place = (terms[-1].kind, terms[-1].key)
            await asyncio.sleep(time.monotonic() - began)

    async def _sketch(self, owner: str) -> Sketch:
        """Of the terms that the documents of the owner have. Half of the time it rests."""
        async with self._database.read() as db:
            had = Sketch(await self._repository.count(db, owner))
        place: Place | None = None
        while True:
            began = time.monotonic()
            async with self._database.read() as db:
                documents, place = await self._repository.documents(db, owner, place)
            if not documents:
                return had
            await asyncio.to_thread(_add_terms, had, documents)
            await asyncio.sleep(time.monotonic() - began)


def _add_terms(had: Sketch, documents: Sequence[dict[str, Any]]) -> None:
    texts: set[tuple[Kind, str]] = set()
    for document in documents:
        texts.update(suggested_texts(Document.model_validate(document)))
    for kind, known in _keys_of(texts):
        had.add(_known(kind, known))


def _keys_of(texts: Iterable[tuple[Kind, str]]) -> Iterable[tuple[Kind, str]]:
    return ((kind, key) for kind, text in texts for key in keys(kind, text))


def _known(kind: int, key: str) -> str:
    return f"{int(kind)} {key}"
