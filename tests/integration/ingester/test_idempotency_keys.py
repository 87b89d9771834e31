"""The rows of idempotency keys, under tries that run at once."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from artstore.attributes import new_file_id
from artstore.ingester.idempotency import repository
from artstore.ingester.idempotency.repository import Claim, LostClaim
from artstore.ingester.idempotency.tables import metadata
from artstore.kernel.database import Database

DAY = timedelta(days=1)
NOW = datetime.now(UTC)
ANSWER = {"headers": {"ETag": '"1"'}, "content": "{}"}


async def claimed(database: Database, key: str, *, at: datetime = NOW, account: str = "account") -> Claim:
    async with database.write() as db:
        return await repository.claim(db, account, key, new=new_file_id(at), now=at, expired_before=at - DAY)


async def pinned(database: Database, claim: Claim, element_id: str) -> str:
    async with database.write() as db:
        return await repository.pin(db, claim, element_id)


async def unpinned(database: Database, claim: Claim) -> None:
    async with database.write() as db:
        await repository.nothing_stored(db, claim)


@pytest.fixture
def key() -> str:
    return uuid4().hex


async def test_a_key_has_one_id_however_many_ask_at_once(database: Database, key: str) -> None:
    claims = await asyncio.gather(*(claimed(database, key) for _ in range(20)))
    assert len({claim.file_id for claim in claims}) == 1
    assert all(claim.answer is None for claim in claims)


async def test_keys_of_accounts_are_their_own(database: Database, key: str) -> None:
    one = await claimed(database, key, account="one")
    other = await claimed(database, key, account="other")
    assert one.file_id != other.file_id


async def test_all_tries_go_to_the_first_element(database: Database, key: str) -> None:
    claim = await claimed(database, key)
    tries = [pinned(database, claim, f"element-{number}") for number in range(20)]
    assert len(set(await asyncio.gather(*tries))) == 1


async def test_the_pin_comes_off_when_no_try_can_have_stored_anything(database: Database, key: str) -> None:
    claim = await claimed(database, key)
    assert await pinned(database, claim, "a") == "a"
    assert await pinned(database, claim, "b") == "a"
    await unpinned(database, claim)
    assert await pinned(database, claim, "b") == "a"  # of one try nobody knows
    await unpinned(database, claim)
    await unpinned(database, claim)
    assert await pinned(database, claim, "b") == "b"


async def test_what_is_known_never_falls_below_nothing(database: Database, key: str) -> None:
    claim = await claimed(database, key)
    await unpinned(database, claim)
    assert await pinned(database, claim, "a") == "a"
    assert await pinned(database, claim, "b") == "a"


async def test_the_first_answer_is_kept(database: Database, key: str) -> None:
    claim = await claimed(database, key)
    async with database.write() as db:
        assert await repository.stored(db, claim, "first", ANSWER) == ("first", ANSWER)
    async with database.write() as db:
        assert await repository.stored(db, claim, "second", {}) == ("first", ANSWER)
    again = await claimed(database, key)
    assert (again.file_id, again.fingerprint, again.answer) == (claim.file_id, "first", ANSWER)


async def test_an_expired_key_is_new(database: Database, key: str) -> None:
    claim = await claimed(database, key, at=NOW - 2 * DAY)
    await pinned(database, claim, "a")
    async with database.write() as db:
        await repository.stored(db, claim, "fingerprint", ANSWER)
    again = await claimed(database, key)
    assert again.file_id != claim.file_id
    assert again.answer is None
    with pytest.raises(LostClaim):
        await pinned(database, claim, "a")
    async with database.write() as db:
        with pytest.raises(LostClaim):
            await repository.stored(db, claim, "fingerprint", ANSWER)
    assert await pinned(database, again, "b") == "b"


async def test_expired_keys_are_forgotten(database: Database, key: str) -> None:
    old = await claimed(database, key + "-old", at=NOW - 2 * DAY)
    young = await claimed(database, key + "-young")
    async with database.write() as db:
        assert await repository.expire(db, NOW - DAY) >= 1
        assert await repository.expire(db, NOW - DAY) == 0
    with pytest.raises(LostClaim):
        await pinned(database, old, "a")
    assert await pinned(database, young, "a") == "a"


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
