"""A real PostgreSQL with the catalog's tables, copied for each test."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from artstore.kernel.background import Background
from artstore.kernel.database import Database, migrate
from artstore.kernel.peers import ElementDirectory, ServiceToken, http_session
from artstore.kernel.redis import connect
from artstore.launcher.postgres import EmbeddedPostgres
from artstore.launcher.redis import EmbeddedRedis
from artstore.query.catalog.catalog import Catalog
from artstore.query.catalog.follower import CatalogFollower
from artstore.query.catalog.listing import ElementListing
from artstore.query.catalog.reading import CatalogReader
from artstore.query.catalog.repository import CatalogRepository
from artstore.query.catalog.stream import EventStreams
from artstore.query.catalog.tables import SCHEMA
from artstore.query.files.cache import DocumentCache
from artstore.query.migrations import MIGRATIONS, VERSION_TABLE
from artstore.query.suggest.writing import TermWriter

from .following import Following, ServedElement


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
    return Catalog(database, CatalogRepository(terms=TermWriter()))


@pytest.fixture
def reader(database: Database) -> CatalogReader:
    reader = CatalogReader(database)
    reader.ready.set()
    return reader


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    server = EmbeddedRedis(tmp_path / "redis")
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def following(
    redis_server: EmbeddedRedis, database: Database, catalog: Catalog
) -> AsyncIterator[Following]:
    async with AsyncExitStack() as stack:
        redis = connect(redis_server.url)
        stack.push_async_callback(redis.aclose)
        session = await stack.enter_async_context(http_session())
        admin = ServedElement("admin", redis)
        await admin.serve(stack)
        token = ServiceToken(session, admin.url, "services", "secret")
        directory = ElementDirectory(redis)
        listing = ElementListing(session, token)
        cache = DocumentCache(100)
        follower = CatalogFollower(catalog, EventStreams(redis), listing, directory, cache)
        background = Background()
        background.start("directory", directory.run)
        background.start("follower", follower.run)
        stack.push_async_callback(background.stop)
        yield Following(
            database, redis, stack, directory=directory, listing=listing, follower=follower, cache=cache
        )


@pytest.fixture
async def element(following: Following) -> ServedElement:
    """An element with three documents, which the catalog has."""
    return await following.with_documents("rw-01", 1, 2, 3)
