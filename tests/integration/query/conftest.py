"""A real PostgreSQL with the catalog's tables, copied for each test."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator

import pytest

from artstore.kernel.database import Database, migrate
from artstore.launcher.postgres import EmbeddedPostgres
from artstore.query.catalog.catalog import Catalog
from artstore.query.catalog.reading import CatalogReader
from artstore.query.catalog.repository import CatalogRepository
from artstore.query.catalog.tables import SCHEMA
from artstore.query.migrations import MIGRATIONS, VERSION_TABLE


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), durable=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def template(postgres: EmbeddedPostgres) -> str:
    """The name of a database with an empty catalog, to be copied."""
    url = postgres.create_database("query_template")
    asyncio.run(migrate(url, migrations=MIGRATIONS, schema=SCHEMA, version_table=VERSION_TABLE))
    return "query_template"


@pytest.fixture
def database_url(postgres: EmbeddedPostgres, template: str) -> Iterator[str]:
    name = f"query_{secrets.token_hex(6)}"
    yield postgres.create_database(name, template=template)
    postgres.drop_database(name)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, application_name="test")
    yield database
    await database.close()


@pytest.fixture
def catalog(database: Database) -> Catalog:
    return Catalog(database, CatalogRepository())


@pytest.fixture
def reader(database: Database) -> CatalogReader:
    reader = CatalogReader(database)
    reader.ready.set()
    return reader
