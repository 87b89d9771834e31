"""The catalog of Query: rebuilt from the listing of an element, and searched.

DOCUMENTS in the environment says how many documents there are (100,000 by default; a million takes about a
quarter of an hour). PLANS=1 prints the plan of each search too, by EXPLAIN (ANALYZE, BUFFERS).

The rebuild is the real one on the real PostgreSQL; the pages of the listing are made by the benchmark, as JSON
that is read as that of an element is, so that what it takes without an element and HTTP is measured. Searches
go over HTTP to a running Query, one client at a time, each with another word or value of its kind; the
reference is the same Query answering for one document by its id.
"""

import asyncio
import itertools
import os
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import cast
from urllib.parse import urlencode

import psycopg

from artstore.kernel.database import Database
from artstore.kernel.peers import ElementDirectory
from artstore.query.catalog.listing import ElementListing
from artstore.query.rebuild.rebuilder import CONNECTIONS, Rebuilder
from artstore.wire.documents import Document, DocumentState, ElementDocument, ElementDocumentPage
from artstore.wire.elements import ElementAnnouncement, ElementHealth, Mode
from benchmarks import load
from benchmarks.documents import Words, documents
from benchmarks.running import Measured, measured

DOCUMENTS = int(os.environ.get("DOCUMENTS", "100000"))
SECONDS = float(os.environ.get("SECONDS", "5"))
ELEMENT = "bench-01"
_PAGE = 500
_SEED = 2026


def measure() -> None:
    with measured() as system:
        pages = system.folder / "pages"
        started = time.perf_counter()
        sample = _write_pages(pages, owner=system.account_id)
        print(f"{DOCUMENTS} documents made in {time.perf_counter() - started:.0f} s")
        query = system.system.parts["query"]
        query.stop()
        seconds = asyncio.run(_rebuild(system, pages))
        print(f"rebuild of the catalog {seconds:8.1f} s {DOCUMENTS / seconds:8.0f}/s")
        query.start()
        _print_sizes(system)
        _search(system, sample)


class _Listing:
    """Answers as ElementListing does, from a file that has one page in each line."""

    def __init__(self, pages: Path) -> None:
        self._pages = pages.open("rb")

    async def page(self, url: str, *, since: int, cursor: str | None) -> ElementDocumentPage:
        if url != ELEMENT or since >= DOCUMENTS:
            return ElementDocumentPage(items=[], last_lsn=max(0, since))
        return ElementDocumentPage.model_validate_json(self._pages.readline())


class _Directory:
    def __init__(self, element: ElementAnnouncement) -> None:
        self._element = element

    def elements(self) -> list[ElementAnnouncement]:
        return [self._element]

    def get(self, element_id: str) -> ElementAnnouncement:
        """Those of the system itself are there too, and empty."""
        return self._element.model_copy(update={"url": element_id})


def _write_pages(path: Path, *, owner: str) -> list[Document]:
    """Writes the listing, and returns some of its documents, spread over all of them."""
    sample: list[Document] = []
    made = documents(DOCUMENTS, seed=_SEED, owners=[owner])
    with path.open("w", encoding="utf-8") as file:
        numbers = itertools.count(1)
        while some := list(itertools.islice(made, _PAGE)):
            items = [
                ElementDocument(
                    lsn=next(numbers), state=DocumentState.ACTIVE, file_id=each.file_id, document=each
                )
                for each in some
            ]
            last = items[-1].lsn
            page = ElementDocumentPage(
                items=items, last_lsn=last, next_cursor=None if last == DOCUMENTS else str(last)
            )
            file.write(page.model_dump_json(exclude_none=True) + "\n")
            sample += some[:: _PAGE // 10]
    return sample


async def _rebuild(system: Measured, pages: Path) -> float:
    now = datetime.now(UTC)
    element = ElementAnnouncement(
        element_id=ELEMENT,
        url=ELEMENT,
        mode=Mode.RW,
        capacity_bytes=1,
        used_bytes=0,
        free_bytes=1,
        documents=DOCUMENTS,
        last_lsn=DOCUMENTS,
        health=ElementHealth.OK,
        max_file_bytes=1,
        started_at=now,
        announced_at=now,
    )
    database = Database(system.database_url, application_name="bench", pool_size=CONNECTIONS)
    # Only what the rebuild calls of both.
    rebuilder = Rebuilder(
        database, cast(ElementListing, _Listing(pages)), cast(ElementDirectory, _Directory(element))
    )
    started = time.perf_counter()
    await rebuilder.ask()
    work = asyncio.create_task(rebuilder.run())
    with psycopg.connect(_libpq(system), autocommit=True) as connection:
        while True:
            await asyncio.sleep(0.2)
            row = connection.execute("SELECT finished_at FROM query.catalog_rebuild").fetchone()
            if row is not None and row[0] is not None:
                break
            if work.done():
                work.result()
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    await database.close()
    return time.perf_counter() - started


def _libpq(system: Measured) -> str:
    return system.database_url.replace("+psycopg", "")


def _print_sizes(system: Measured) -> None:
    with psycopg.connect(_libpq(system)) as connection:
        rows = connection.execute(
            "SELECT relname, pg_relation_size(c.oid) + coalesce(pg_relation_size(reltoastrelid), 0)"
            " FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
            " WHERE nspname = 'query' AND relkind IN ('r', 'i') ORDER BY 2 DESC LIMIT 12"
        )
        for name, size in rows:
            print(f"  {name:34} {size / 1024**2:8.1f} MiB")


def _search(system: Measured, sample: list[Document]) -> None:
    """Each kind of question, by an account that has some documents and by one that may see all."""
    base = f"{system.profile.query_url}/api/v1"
    for who, token, seen in (
        ("an account", system.token, [d for d in sample if d.created_by_id == system.account_id]),
        ("everybody's", system.administrator_token, sample),
    ):
        for what, addresses in _questions(base, seen).items():
            requests = [load.get_request(address, token) for address in addresses]
            outcome = load.run(base, partial(_in_turn, requests), clients=1, seconds=SECONDS)
            assert set(outcome.statuses) == {200}, (what, outcome.statuses)
            print(f"  {who:12} {what:26} {outcome.line()}", flush=True)


def _questions(base: str, seen: list[Document]) -> dict[str, list[str]]:
    """Addresses by the name of their kind."""
    words = Words(_SEED)
    rank = {word: place for place, word in enumerate(words.ranked)}
    asked = [sorted((d.description or "").split(), key=rank.__getitem__) for d in seen]
    few = seen[:20]

    def search(**parameters: object) -> str:
        return f"{base}/search?{urlencode(parameters)}"

    return {
        "by id, the first time": [f"{base}/files/{d.file_id}" for d in seen],
        "by id, again": [f"{base}/files/{d.file_id}" for d in few],
        "newest": [search()],
        "rare word": [search(q=rarest) for *_, rarest in asked],
        "frequent word": [search(q=word) for word in words.ranked[:50]],
        "two words": [search(q=f"{most[0]} {most[1]}") for most in asked],
        "rare word, shown": [search(q=rarest, highlight="true") for *_, rarest in asked],
        "frequent word, shown": [search(q=word, highlight="true") for word in words.ranked[:50]],
        "1000 hits": [search(q=word, limit=1000) for word in words.ranked[:50]],
        "1000 hits, shown": [search(q=word, limit=1000, highlight="true") for word in words.ranked[:50]],
        "phrase": [search(q=f'"{" ".join((d.description or "").split()[:2])}"') for d in seen],
        "prefix": [search(q=f"{rarest[:4]}*") for *_, rarest in asked],
        "part of a name": [search(q=rarest[1:5], mode="partial") for *_, rarest in asked],
        "attribute": [search(attribute=f"contract={d.custom_attributes['contract']}") for d in seen],
        "frequent attribute": [search(attribute="currency=EUR")],
        "range and word": [
            search(q=most[0], attribute=f"year>={2010 + n % 15}") for n, most in enumerate(asked)
        ],
    }


def _in_turn(requests: list[bytes], number: int) -> bytes:
    return requests[number % len(requests)]
