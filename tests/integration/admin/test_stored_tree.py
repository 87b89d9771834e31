"""The tree in PostgreSQL, large enough for stored subtrees of two heights, against the same tree in memory."""

import random
from collections.abc import AsyncIterator
from hashlib import sha256

import pytest
from sqlalchemy import text

from artstore.admin.audit.stored_tree import HashesMissing, extend_subtrees, range_hashes, root_hash
from artstore.admin.audit.tree import (
    CompactRange,
    Range,
    consistency_ranges,
    inclusion_ranges,
    is_consistent,
    root_of_inclusion,
)
from artstore.admin.metadata import SCHEMA
from artstore.admin.migrations import MIGRATIONS, VERSION_TABLE
from artstore.kernel.database import Database, migrate
from artstore.launcher.postgres import EmbeddedPostgres

SIZE = 256 * 256 + 300
LEAVES = [sha256(number.to_bytes(8, "big")).digest() for number in range(SIZE)]


@pytest.fixture
async def filled(postgres: EmbeddedPostgres) -> AsyncIterator[Database]:
    url = postgres.create_database("stored_tree")
    await migrate(url, migrations=MIGRATIONS, schema=SCHEMA, version_table=VERSION_TABLE)
    database = Database(url, application_name="test", pool_size=2)
    async with database.write() as connection:
        await connection.execute(
            text(
                "INSERT INTO admin.audit_entries SELECT n, now(), 'a', 'system', NULL, NULL, NULL, NULL, 'k', '',"
                " 'done', '{}', sha256(int8send(n)) FROM generate_series(0, :last) n"
            ),
            {"last": SIZE - 1},
        )
    yield database
    await database.close()
    postgres.drop_database("stored_tree")


async def test_against_the_tree_in_memory(filled: Database) -> None:
    roots, tree = {0: CompactRange().root()}, CompactRange()
    for leaf in LEAVES:
        tree.append(leaf)
        roots[tree.size] = tree.root()
    more = True
    while more:
        async with filled.write() as connection:
            more = await extend_subtrees(connection, SIZE)
    chosen = random.Random(1)
    edges = [0, 1, 255, 256, 257, 65_535, 65_536, 65_537, SIZE]
    async with filled.read() as connection:
        for size in edges + chosen.choices(range(1, SIZE), k=20):
            assert await root_hash(connection, size) == roots[size]
        for size in edges[1:] + chosen.choices(range(1, SIZE), k=20):
            index = chosen.randrange(size)
            proof = await range_hashes(connection, inclusion_ranges(index, size)) if size > 1 else []
            assert root_of_inclusion(LEAVES[index], index, size, proof) == roots[size]
            old = chosen.randrange(1, size + 1)
            proof = await range_hashes(connection, consistency_ranges(old, size))
            assert is_consistent(old, size, roots[old], roots[size], proof)

    async with filled.write() as connection:
        await connection.execute(text("ALTER TABLE admin.audit_subtrees DISABLE TRIGGER ALL"))
        await connection.execute(text("DELETE FROM admin.audit_subtrees WHERE height = 1 AND position = 256"))
    async with filled.read() as connection:
        with pytest.raises(HashesMissing, match="entry 65536"):
            await range_hashes(connection, [Range(0, SIZE)])
