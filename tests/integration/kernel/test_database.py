"""Transactions, failures and migrations on a real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from artstore.kernel.database import Database, DatabaseDown, UnknownRevision, WriteConnection, migrate
from artstore.kernel.database.migration import head_of
from artstore.kernel.dependencies import DependencyDown
from artstore.launcher.postgres import EmbeddedPostgres

REVISION = '''"""{revision}"""
from alembic import context, op
import sqlalchemy as sa

revision = "{revision}"
down_revision = {down}
branch_labels = None
depends_on = None


def upgrade() -> None:
    prefix = context.config.attributes["prefix"]
    schema = context.config.attributes["schema"]
    op.create_table(f"{{prefix}}_{revision}", sa.Column("id", sa.Integer, primary_key=True), schema=schema)
    {more}
'''


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), durable=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def url(server: EmbeddedPostgres) -> Iterator[str]:
    name = "kernel_test"
    yield server.create_database(name)
    server.drop_database(name)


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    database = Database(url, application_name="test", pool_size=2)
    async with database.write() as connection:
        await connection.execute(text("CREATE TABLE things (id integer PRIMARY KEY)"))
    yield database
    await database.close()


async def things(database: Database) -> list[int]:
    async with database.read() as connection:
        return list((await connection.execute(text("SELECT id FROM things ORDER BY id"))).scalars())


async def insert(connection: WriteConnection, *ids: int) -> None:
    await connection.execute(text("INSERT INTO things VALUES (:id)"), [{"id": id_} for id_ in ids])


class TestTransactions:
    async def test_committed_at_the_edge(self, database: Database) -> None:
        async with database.write() as connection:
            await insert(connection, 1, 2)
            assert await things(database) == []
        assert await things(database) == [1, 2]

    async def test_rolled_back_by_an_error(self, database: Database) -> None:
        async def fail() -> None:
            async with database.write() as connection:
                await insert(connection, 1)
                raise KeyError

        with pytest.raises(KeyError):
            await fail()
        assert await things(database) == []

    async def test_a_reader_cannot_change_anything(self, database: Database) -> None:
        async def change() -> None:
            async with database.read() as connection:
                await connection.execute(text("INSERT INTO things VALUES (1)"))

        with pytest.raises(DBAPIError, match="read-only"):
            await change()
        async with database.write() as connection:
            await insert(connection, 1)
        assert await things(database) == [1]

    async def test_rows_through_a_cursor(self, database: Database) -> None:
        async with database.write() as connection:
            await insert(connection, *range(1000))
        async with database.read() as reader, reader.stream(text("SELECT id FROM things")) as rows:
            assert [row.id async for row in rows] == list(range(1000))

    async def test_a_violated_constraint_is_what_it_is(self, database: Database) -> None:
        async def collide() -> None:
            async with database.write() as connection:
                await insert(connection, 1, 1)

        with pytest.raises(IntegrityError):
            await collide()

    async def test_times_are_utc(self, database: Database) -> None:
        async with database.read() as connection:
            assert await connection.scalar(text("SHOW timezone")) == "UTC"


class TestDown:
    async def test_nothing_listens(self, tmp_path: Path) -> None:
        database = Database(f"postgresql://u:hidden@/x?host={tmp_path}", application_name="test")
        with pytest.raises(DatabaseDown) as down:
            await things(database)
        assert "hidden" not in str(down.value)
        with pytest.raises(DependencyDown):
            await database.dependency().check()
        await database.close()

    async def test_wrong_password(self, url: str) -> None:
        user, _, rest = url.partition("@")
        database = Database(f"{user}x@{rest}", application_name="test")
        with pytest.raises(DatabaseDown, match="authentication"):
            await things(database)
        await database.close()

    async def test_no_connection_becomes_free(self, url: str) -> None:
        database = Database(url, application_name="test", pool_size=1, wait_seconds=0.05)
        async with database.read():
            with pytest.raises(DatabaseDown, match="free"):
                await things(database)
        await database.close()

    async def test_a_statement_takes_too_long(self, url: str) -> None:
        database = Database(url, application_name="test", statement_seconds=0.05)

        async def sleep() -> None:
            async with database.read() as connection:
                await connection.execute(text("SELECT pg_sleep(10)"))

        with pytest.raises(DatabaseDown, match="too long"):
            await sleep()
        await database.close()

    async def test_others_are_busy_with_a_row_for_too_long(self, database: Database) -> None:
        async def lock(wait: str) -> None:
            async with database.write() as connection:
                await connection.execute(text(f"SET LOCAL lock_timeout = '{wait}'"))
                await connection.execute(text("SELECT pg_advisory_xact_lock(4711)"))

        async with database.write() as holder:
            await holder.execute(text("SELECT pg_advisory_xact_lock(4711)"))
            with pytest.raises(DatabaseDown, match="same rows"):
                await lock("20ms")
        await lock("10s")

    async def test_two_wait_for_each_other(self, database: Database) -> None:
        """PostgreSQL ends one of them, which may be sent again."""
        both = asyncio.Barrier(2)

        async def lock(*numbers: int) -> None:
            async with database.write() as connection:
                for number in numbers:
                    await connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": number})
                    if number == numbers[0]:
                        await both.wait()

        outcomes = await asyncio.gather(lock(1, 2), lock(2, 1), return_exceptions=True)
        ended = [outcome for outcome in outcomes if outcome is not None]
        assert ended
        assert all(isinstance(outcome, DatabaseDown) for outcome in ended)

    async def test_a_restart_costs_nobody_an_error(
        self, server: EmbeddedPostgres, database: Database
    ) -> None:
        await asyncio.gather(things(database), things(database))
        server.stop()
        with pytest.raises(DatabaseDown):
            await things(database)
        server.start()
        again = await asyncio.gather(things(database), things(database))
        assert list(again) == [[], []]

    async def test_cut_off_in_the_middle_of_a_transaction(self, database: Database) -> None:
        async def interrupted() -> None:
            async with database.write() as connection:
                await insert(connection, 1)
                pid = await connection.scalar(text("SELECT pg_backend_pid()"))
                async with database.write() as other:
                    await other.scalar(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
                await insert(connection, 2)

        with pytest.raises(DatabaseDown):
            await interrupted()
        assert await things(database) == []


class Migrations:
    """A folder of revisions that grows."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        self._last: str | None = None
        (folder / "versions").mkdir(parents=True)

    def add(self, revision: str, more: str = "") -> None:
        script = REVISION.format(revision=revision, down=repr(self._last), more=more)
        (self.folder / "versions" / f"{revision}.py").write_text(script)
        self._last = revision

    async def run(self, prefix: str = "e1") -> None:
        await migrate(
            self.url,
            migrations=self.folder,
            schema="storage",
            version_table=f"{prefix}_alembic_version",
            attributes={"prefix": prefix},
        )

    async def tables(self) -> list[str]:
        database = Database(self.url, application_name="test")
        async with database.read() as connection:
            found = await connection.execute(
                text("SELECT tablename FROM pg_tables WHERE schemaname = 'storage' ORDER BY tablename")
            )
            names = list(found.scalars())
        await database.close()
        return names


class TestMigrate:
    @pytest.fixture
    def migrations(self, tmp_path: Path, url: str) -> Migrations:
        migrations = Migrations(tmp_path / "100% migrations", url)
        migrations.add("first")
        return migrations

    async def test_from_nothing_then_on(self, migrations: Migrations) -> None:
        await migrations.run()
        await migrations.run()
        migrations.add("second")
        await migrations.run()
        assert await migrations.tables() == ["e1_alembic_version", "e1_first", "e1_second"]

    async def test_several_at_once(self, migrations: Migrations) -> None:
        migrations.add("second")
        await asyncio.gather(*[migrations.run(prefix) for prefix in ("a", "b", "a", "b", "a")])
        assert len(await migrations.tables()) == 6

    async def test_all_or_nothing(self, migrations: Migrations) -> None:
        await migrations.run()
        migrations.add("second")
        migrations.add("third", more="op.execute('SELECT 1 / 0')")
        with pytest.raises(DBAPIError):
            await migrations.run()
        assert await migrations.tables() == ["e1_alembic_version", "e1_first"]

    async def test_tables_of_a_newer_version(self, migrations: Migrations) -> None:
        migrations.add("second")
        await migrations.run()
        (migrations.folder / "versions" / "second.py").unlink()
        with pytest.raises(UnknownRevision, match="second"):
            await migrations.run()

    async def test_database_away(self, migrations: Migrations, tmp_path: Path) -> None:
        migrations.url = f"postgresql://u@/x?host={tmp_path}"
        with pytest.raises(DatabaseDown):
            await migrations.run()

    def test_two_newest_revisions(self, migrations: Migrations) -> None:
        migrations._last = None
        migrations.add("other")
        with pytest.raises(ValueError, match="first"):
            head_of(migrations.folder / "versions")
