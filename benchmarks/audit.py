"""The audit trail: what an append adds to a transaction, what a proof and a checkpoint cost in a large log."""

import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from sqlalchemy import text

from artstore.admin.audit import SYSTEM, Action, AuditEntry, append
from artstore.admin.audit.stored_tree import extend_subtrees, range_hashes, root_hash
from artstore.admin.audit.tree import consistency_ranges, inclusion_ranges
from artstore.admin.metadata import SCHEMA
from artstore.admin.migrations import MIGRATIONS, VERSION_TABLE
from artstore.kernel.database import Database, migrate
from artstore.launcher.postgres import EmbeddedPostgres

ENTRIES = 1_000_000
_FILL = text(
    "INSERT INTO admin.audit_entries SELECT n, now(), 'key.created', 'system', NULL, 'Admin', NULL, NULL, 'key',"
    " 'key ' || n, 'done', '{}', sha256(int8send(n)) FROM generate_series(:start, :stop - 1) n"
)


def measure() -> None:
    with tempfile.TemporaryDirectory(prefix="artstore-bench-") as folder:
        postgres = EmbeddedPostgres(Path(folder) / "postgres")
        try:
            asyncio.run(_measure(postgres.start()))
        finally:
            postgres.stop()


async def _measure(url: str) -> None:
    await migrate(url, migrations=MIGRATIONS, schema=SCHEMA, version_table=VERSION_TABLE)
    database = Database(url, application_name="bench", pool_size=8, statement_seconds=600)
    try:
        await _appends(database)
        size = await _fill(database)
        await _appends(database)
        chosen = random.Random(1)
        async with database.read() as connection:

            async def inclusion() -> None:
                await range_hashes(connection, inclusion_ranges(chosen.randrange(size), size))

            async def consistency() -> None:
                await range_hashes(connection, consistency_ranges(chosen.randrange(1, size), size))

            async def root() -> None:
                await root_hash(connection, size)

            await _timed(f"proof of inclusion in {size:,}", inclusion)
            await _timed("proof of consistency", consistency)
            await _timed("root, as for a checkpoint", root)
    finally:
        await database.close()


async def _fill(database: Database) -> int:
    async with database.read() as connection:
        start = int(await connection.scalar(text("SELECT count(*) FROM admin.audit_entries")))
    async with database.write() as connection:
        await connection.execute(_FILL, {"start": start, "stop": ENTRIES})
    began, more = time.perf_counter(), True
    while more:
        async with database.write() as connection:
            more = await extend_subtrees(connection, ENTRIES)
    print(f"hashes of subtrees of {ENTRIES:,} entries  {time.perf_counter() - began:8.1f} s")
    return ENTRIES


async def _appends(database: Database) -> None:
    async def bare() -> None:
        async with database.write() as connection:
            await connection.execute(
                text("INSERT INTO admin.refusal_reports VALUES (gen_random_uuid()::text, now())")
            )

    async def audited() -> None:
        async with database.write() as connection:
            await connection.execute(
                text("INSERT INTO admin.refusal_reports VALUES (gen_random_uuid()::text, now())")
            )
            await append(connection, AuditEntry(Action.KEY_CREATED, SYSTEM, "key", "bench"))

    await _timed("a transaction of one row (reference)", bare)
    await _timed("the same with an entry", audited)
    began = time.perf_counter()
    await asyncio.gather(*(_times(audited, 50) for _ in range(8)))
    print(f"8 at once                            {400 / (time.perf_counter() - began):8.0f} entries/s")


async def _times(do: Callable[[], Awaitable[None]], times: int) -> list[float]:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        await do()
        taken.append(time.perf_counter() - began)
    return taken


async def _timed(name: str, do: Callable[[], Awaitable[None]]) -> None:
    await do()
    taken = sorted(await _times(do, 200))
    print(f"{name:36} p50 {statistics.median(taken) * 1000:6.2f} ms  p99 {taken[197] * 1000:6.2f} ms")
