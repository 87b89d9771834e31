"""The catalog of Query: rebuilt from the listing of an element, and searched.

DOCUMENTS in the environment says how many documents there are (100,000 by default; a million takes about a
quarter of an hour). PLANS=1 prints, for each kind of question, the plan of the slowest query that one of them asks
of PostgreSQL, by EXPLAIN (ANALYZE, BUFFERS).

The rebuild is the real one on the real PostgreSQL; the pages of the listing are made by the benchmark, as JSON
that is read as that of an element is, so that what it takes without an element and HTTP is measured. Searches
go over HTTP to a running Query, one client at a time, each with another word or value of its kind; the
reference is the same Query answering for one document by its id.
"""

import asyncio
import itertools
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import cast
from urllib.parse import urlencode

import httpx
import psycopg

from artstore.kernel.database import Database
from artstore.kernel.peers import ElementDirectory
from artstore.launcher.postgres import DATABASE, SUPERUSER, EmbeddedPostgres
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
        if os.environ.get("PLANS") == "1":
            _print_plans(system, sample)


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
    for who, token, what, addresses in _asked(system, sample):
        requests = [load.get_request(address, token) for address in addresses]
        outcome = load.run(addresses[0], partial(_in_turn, requests), clients=1, seconds=SECONDS)
        assert set(outcome.statuses) == {200}, (what, outcome.statuses)
        print(f"  {who:12} {what:26} {outcome.line()}", flush=True)


def _print_plans(system: Measured, sample: list[Document]) -> None:
    """Asks the last question of each kind once more. The plan of its slowest query is that of all services, so
    nothing else may be asked meanwhile."""
    log = system.system.folder.log("postgres")
    with _explained(system):
        for who, token, what, addresses in _asked(system, sample):
            begins = log.stat().st_size
            httpx.get(
                addresses[-1], headers={"Authorization": f"Bearer {token}"}, timeout=60
            ).raise_for_status()
            plans = _PLAN.findall(log.read_bytes()[begins:].decode(errors="replace"))
            slowest = max(plans, key=lambda plan: float(plan[0]), default=("0", "none"))
            print(f"## {who}: {what}: {addresses[-1].partition('/api/v1/')[2]}")
            print(f"{len(plans)} queries; the slowest took {slowest[0]} ms\n{slowest[1]}", flush=True)


_PLAN = re.compile(r"duration: ([0-9.]+) ms  plan:\n((?:\t.*\n?)*)")


@contextmanager
def _explained(system: Measured) -> Iterator[None]:
    """Every query on a connection that begins meanwhile has its plan in PostgreSQL's log."""
    query = system.system.parts["query"]
    options = {"log_min_duration": "0", "log_analyze": "on", "log_buffers": "on", "log_timing": "on"}
    with psycopg.connect(_superuser(system), autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {DATABASE} SET session_preload_libraries = 'auto_explain'")
        for name, value in options.items():
            connection.execute(f"ALTER DATABASE {DATABASE} SET auto_explain.{name} = '{value}'")
        query.stop()
        query.start()
        try:
            yield
        finally:
            connection.execute(f"ALTER DATABASE {DATABASE} RESET ALL")


def _superuser(system: Measured) -> str:
    postgres = system.system.parts["postgres"].part
    assert isinstance(postgres, EmbeddedPostgres)
    password = postgres.folder / "superuser-password"
    return postgres.url(DATABASE, driver="postgresql", role=SUPERUSER, password_file=password)


def _asked(system: Measured, sample: list[Document]) -> Iterator[tuple[str, str, str, list[str]]]:
    """Each kind of question, by an account that has some documents and by one that may see all: who asks, the
    token, the kind, the addresses."""
    base = f"{system.profile.query_url}/api/v1"
    for who, token, seen in (
        ("an account", system.token, [d for d in sample if d.created_by_id == system.account_id]),
        ("everybody's", system.administrator_token, sample),
    ):
        for what, addresses in _questions(base, seen).items():
            yield who, token, what, addresses


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
        "by relevance": [search(q=word, sort="relevance") for word in words.ranked[:50]],
        "by size": [search(q=most[0], sort="-size") for most in asked],
        "total of a word": [search(q=word, total="true") for word in words.ranked[:50]],
        "a facet of a word": [search(q=word, facet="extension") for word in words.ranked[:50]],
        "three facets of all": [f"{base}/search?facet=extension&facet=tag&facet=year"],
        "typing error": [search(q=f"{rarest[:3]}{rarest[4:]}") for *_, rarest in asked if len(rarest) > 6],
        "suggest": [
            f"{base}/suggest?{urlencode({'q': rarest[: n % 4 + 2]})}" for n, (*_, rarest) in enumerate(asked)
        ],
    }


def _in_turn(requests: list[bytes], number: int) -> bytes:
    return requests[number % len(requests)]
