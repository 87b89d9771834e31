"""A real PostgreSQL with the Ingester's table."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from artstore.ingester.idempotency.tables import SCHEMA
from artstore.ingester.migrations import MIGRATIONS, VERSION_TABLE
from artstore.kernel.database import Database, migrate
from artstore.launcher.postgres import EmbeddedPostgres


@pytest.fixture(scope="session")
def database_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), durable=False)
    server.start()
    url = server.create_database("ingester")
    asyncio.run(migrate(url, migrations=MIGRATIONS, schema=SCHEMA, version_table=VERSION_TABLE))
    yield url
    server.stop()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, application_name="test")
    yield database
    await database.close()
