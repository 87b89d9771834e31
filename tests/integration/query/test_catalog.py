"""The catalog in PostgreSQL: the same walks as its rules alone, two writers at once, and its migrations."""

import asyncio
import itertools
import shutil
from pathlib import Path
from uuid import UUID

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, select, text

from artstore.kernel.database import Database, migrate
from artstore.launcher.postgres import EmbeddedPostgres
from artstore.query.catalog.catalog import Catalog
from artstore.query.catalog.changes import NOTHING_KNOWN
from artstore.query.catalog.repository import CatalogRepository
from artstore.query.catalog.tables import SCHEMA, catalog_files, metadata
from artstore.query.files.repository import FilesRepository
from artstore.query.links.tables import links
from artstore.query.migrations import MIGRATIONS, VERSION_TABLE
from artstore.query.rebuild.tables import catalog_rebuild
from artstore.wire.documents import Document
from artstore.wire.events import EventKind
from tests.support.element_model import ModelElement, document
from tests.support.histories import IDS, Walk

numbers = itertools.count()
MANY_VERSIONS = """
INSERT INTO query.catalog_files (file_id, element_id, lsn, created_by_id, created_at, document, search)
SELECT gen_random_uuid(), 'e', 0, 'a', now(), jsonb_build_object('document_id', gen_random_uuid()), ''
FROM generate_series(1, 2000);
ANALYZE query.catalog_files
"""


async def documents(database: Database, element_id: str) -> dict[UUID, Document]:
    query = select(catalog_files.c.file_id, catalog_files.c.document).where(
        catalog_files.c.element_id == element_id
    )
    async with database.read() as db:
        return {row.file_id: Document.model_validate(row.document) for row in await db.execute(query)}


@given(st.data(), st.sets(st.sampled_from(IDS)))
@settings(
    max_examples=40,
    deadline=None,
    # The fixtures are shared by all examples on purpose: each has an element of its own.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_ends_equal_to_the_element_whatever_arrives(
    catalog: Catalog, database: Database, data: st.DataObject, adopted: set[UUID]
) -> None:
    element = ModelElement(f"element-{next(numbers)}", adopted)
    walk = Walk(data, element, catalog)
    await walk.go(most_steps=15)
    await walk.list_all(limit=3)
    assert await walk.position() == element.last_lsn
    assert await documents(database, element.element_id) == element.documents()


async def test_two_processes_take_the_same_events(catalog: Catalog, database: Database) -> None:
    element = ModelElement()
    for number in range(300):
        kind = (EventKind.PUT, EventKind.UPDATE, EventKind.DELETE)[number % 7 % 3]
        element.change(kind, UUID(int=number % 11 + 1))
    await catalog.take_page(element.element_id, NOTHING_KNOWN, ModelElement().page(NOTHING_KNOWN, None, 1))

    async def follow(batch: int) -> None:
        position = 0
        while position < element.last_lsn:
            lsns = range(position + 1, min(position + batch, element.last_lsn) + 1)
            advance = await catalog.take_events(element.element_id, element.entries(lsns))
            assert not advance.gap
            position = advance.position

    await asyncio.gather(follow(7), follow(10), follow(1))
    assert await documents(database, element.element_id) == element.documents()


async def test_elements_speak_about_their_own_documents_only(catalog: Catalog, database: Database) -> None:
    """A document that moves is in two elements for a while; leaving one does not take it from the other."""
    old, new = ModelElement("edit-01"), ModelElement("rw-01")
    for element in (old, new):
        element.change(EventKind.PUT, IDS[0])
        await catalog.take_page(element.element_id, NOTHING_KNOWN, element.page(NOTHING_KNOWN, None, 10))
    old.change(EventKind.DELETE, IDS[0])
    await catalog.take_events(old.element_id, old.entries([2]))
    assert await documents(database, "edit-01") == {}
    assert await documents(database, "rw-01") == new.documents()


async def test_forget_leaves_other_elements(catalog: Catalog, database: Database) -> None:
    elements = [ModelElement("a"), ModelElement("b")]
    for element in elements:
        element.change(EventKind.PUT, IDS[0])
        await catalog.take_page(element.element_id, NOTHING_KNOWN, element.page(NOTHING_KNOWN, None, 10))
    await catalog.forget("a")
    positions = await catalog.positions()
    assert positions["b"] == 1
    assert positions["a"] < 0
    assert await documents(database, "a") == {}
    assert await documents(database, "b") == elements[1].documents()
    async with database.read() as db:
        assert await CatalogRepository().document_counts(db) == {"b": 1}


async def test_versions_are_found_by_their_index(database: Database) -> None:
    """Which a parameter in the place of the member's name would hide."""
    async with database.write() as db:
        await db.execute(text(MANY_VERSIONS))
    repository = FilesRepository()
    async with database.read() as db:
        await db.execute(text("SET LOCAL plan_cache_mode = force_generic_plan"))
        assert await repository.versions(db, IDS[0], owners=frozenset("a"), after=None, limit=10) == []
        assert await repository.document_of(db, IDS[0], owners=None) is None
        await db.execute(text("SELECT pg_stat_force_next_flush()"))
    used = "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'catalog_files_by_document'"
    async with database.read() as db:
        assert await db.scalar(text(used)) == 2


class TestMigrations:
    def test_make_the_tables_that_the_code_expects(self, database_url: str) -> None:
        def of_ours(obj: object, name: str | None, kind: str, *_: object) -> bool:
            return not (kind == "table" and name == VERSION_TABLE)

        def difference(connection: Connection) -> list[object]:
            options = {"include_schemas": True, "include_object": of_ours, "compare_type": True}
            return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))

        assert links.metadata is catalog_rebuild.metadata is metadata
        engine = create_engine(database_url)
        with engine.connect() as connection:
            assert difference(connection) == []
        engine.dispose()

    async def test_a_catalog_from_before_is_rebuilt(self, postgres: EmbeddedPostgres, tmp_path: Path) -> None:
        """Its rows do not tell words from their stems."""
        versions = tmp_path / "versions"
        versions.mkdir()
        for name in ("0001_catalog.py", "0002_versions.py"):
            shutil.copy(MIGRATIONS / "versions" / name, versions)
        before = document(UUID(int=1), name="Счёт.TXT", retention_policy="permanent")
        url = postgres.create_database("query_before")
        await migrate(url, migrations=tmp_path, schema=SCHEMA, version_table=VERSION_TABLE)
        database = Database(url, application_name="test")
        async with database.write() as db:
            await db.execute(
                text(
                    "INSERT INTO query.catalog_files"
                    " (file_id, element_id, lsn, created_by_id, created_at, document, search)"
                    " VALUES (gen_random_uuid(), 'rw-01', 1, 'me', now(), :document, '')"
                ),
                {"document": before.model_dump_json(exclude_none=True)},
            )
        await migrate(url, migrations=MIGRATIONS, schema=SCHEMA, version_table=VERSION_TABLE)
        async with database.read() as db:
            asked = await db.execute(text("SELECT builder, finished_at FROM query.catalog_rebuild"))
            assert asked.all() == [(None, None)]
            kept = await db.execute(text("SELECT labels, folded_name, stays FROM query.catalog_files"))
            [(labels, name, stays)] = kept.all()
        assert {"type:text/plain", "ext:txt"} <= set(labels)
        assert (name, stays) == ("счет.txt", True)
        await database.close()
        postgres.drop_database("query_before")

    async def test_many_processes_may_migrate_at_once(self, postgres: EmbeddedPostgres) -> None:
        url = postgres.create_database("query_many")
        run = [
            migrate(url, migrations=MIGRATIONS, schema=SCHEMA, version_table=VERSION_TABLE) for _ in range(4)
        ]
        await asyncio.gather(*run)
        database = Database(url, application_name="test")
        async with database.read() as db:
            assert await db.scalar(text("SELECT count(*) FROM query.alembic_version")) == 1
        await database.close()
        postgres.drop_database("query_many")
