"""The rows of idempotency keys, under tries that run at once."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from artstore.attributes import new_file_id
from artstore.ingester.idempotency import repository
from artstore.ingester.idempotency.repository import Claim
from artstore.ingester.idempotency.tables import metadata
from artstore.kernel.database import Database

DAY = timedelta(days=1)
NOW = datetime.now(UTC)
ANSWER = {"headers": {"ETag": '"1"'}, "content": "{}"}


async def begun(
    database: Database, key: str, element_id: str = "a", *, at: datetime = NOW, account: str = "account"
) -> Claim:
    async with database.write() as db:
        return await repository.begin(
            db, account, key, element_id, new=new_file_id(at), now=at, since=at - DAY
        )


async def found(database: Database, key: str) -> Claim | None:
    async with database.read() as db:
        return await repository.find(db, "account", key, since=NOW - DAY)


async def unpinned(database: Database, claim: Claim) -> None:
    async with database.write() as db:
        await repository.nothing_stored(db, claim)


@pytest.fixture
def key() -> str:
    return uuid4().hex


async def test_a_key_has_one_id_and_one_element_however_many_begin_at_once(
    database: Database, key: str
) -> None:
    assert await found(database, key) is None
    claims = await asyncio.gather(*(begun(database, key, f"element-{number}") for number in range(20)))
    assert len({(claim.file_id, claim.element_id) for claim in claims}) == 1
    assert await found(database, key) == claims[0]
    assert claims[0].answer is None


async def test_keys_of_accounts_are_their_own(database: Database, key: str) -> None:
    one = await begun(database, key, account="one")
    other = await begun(database, key, account="other")
    assert one.file_id != other.file_id


async def test_the_pin_comes_off_when_no_try_can_have_stored_anything(database: Database, key: str) -> None:
    claim = await begun(database, key, "a")
    assert (await begun(database, key, "b")).element_id == "a"
    await unpinned(database, claim)
    assert (await begun(database, key, "b")).element_id == "a"  # of one try nobody knows
    await unpinned(database, claim)
    await unpinned(database, claim)
    again = await begun(database, key, "b")
    assert (again.element_id, again.file_id) == ("b", claim.file_id)


async def test_what_is_known_never_falls_below_nothing(database: Database, key: str) -> None:
    claim = await begun(database, key, "a")
    await unpinned(database, claim)
    await unpinned(database, claim)
    await begun(database, key, "a")
    assert (await begun(database, key, "b")).element_id == "a"


async def test_the_first_answer_is_kept(database: Database, key: str) -> None:
    claim = await begun(database, key)
    async with database.write() as db:
        assert await repository.stored(db, claim, "first", ANSWER) == ("first", ANSWER)
    async with database.write() as db:
        assert await repository.stored(db, claim, "second", {}) == ("first", ANSWER)
    again = await found(database, key)
    assert again is not None
    assert (again.file_id, again.fingerprint, again.answer) == (claim.file_id, "first", ANSWER)


async def test_an_expired_key_is_new(database: Database, key: str) -> None:
    claim = await begun(database, key, "a", at=NOW - 2 * DAY)
    async with database.write() as db:
        await repository.stored(db, claim, "fingerprint", ANSWER)
    assert await found(database, key) is None
    again = await begun(database, key, "b")
    assert again.file_id != claim.file_id
    assert (again.element_id, again.fingerprint, again.answer) == ("b", None, None)
    async with database.write() as db:
        assert await repository.stored(db, claim, "fingerprint", ANSWER) is None


async def test_expired_keys_are_forgotten(database: Database, key: str) -> None:
    old = await begun(database, key + "-old", at=NOW - 2 * DAY)
    await begun(database, key + "-young")
    async with database.write() as db:
        assert await repository.expire(db, NOW - DAY) >= 1
        assert await repository.expire(db, NOW - DAY) == 0
    async with database.write() as db:
        assert await repository.stored(db, old, "fingerprint", ANSWER) is None
    assert await found(database, key + "-young") is not None


async def test_the_migration_makes_what_the_module_says(database: Database) -> None:
    async with database.read() as db:
        found = await db.execute(
            text(
                "SELECT column_name FROM information_schema.columns WHERE table_schema = 'ingester'"
                " AND table_name = 'idempotency_keys'"
            )
        )
        names = {row[0] for row in found}
    assert names == {column.name for column in metadata.tables["ingester.idempotency_keys"].columns}
