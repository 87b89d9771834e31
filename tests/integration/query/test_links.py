"""Links as their rows decide: how long, how often, from where, and for whose tokens they are good."""

import asyncio
import time
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from artstore.kernel.access import Principal, RevocationList
from artstore.kernel.database import Database
from artstore.kernel.problems import Problem
from artstore.query.catalog.reading import CatalogReader
from artstore.query.links.repository import LinkRepository
from artstore.query.links.service import Links
from artstore.wire.links import MAX_LINKS, RESUME_SECONDS, Link, LinkCreated, NewLink
from artstore.wire.revocations import Revocation

HERE, ELSEWHERE = "192.0.2.1", "198.51.100.7"
FILE_ID = uuid4()


def maker(
    epoch: int = 3,
    session_id: str | None = None,
    account_id: str = "",
    account_end: int | None = None,
) -> Principal:
    return Principal(
        account_id or ACCOUNT,
        "c",
        "u",
        "USER",
        frozenset(),
        "",
        session_id,
        epoch=epoch,
        account_end=account_end,
    )


ACCOUNT = str(uuid4())


@pytest.fixture
def ended() -> RevocationList:
    return RevocationList()


@pytest.fixture
def links(database: Database, reader: CatalogReader, ended: RevocationList) -> Links:
    return Links(database, reader, LinkRepository(), ended)


async def made(links: Links, by: Principal | None = None, **new: object) -> LinkCreated:
    return await links.create(FILE_ID, NewLink.model_validate(new), by or maker())


def secret_of(link: LinkCreated) -> str:
    return link.url.split("/")[-2]


async def is_good(links: Links, link: LinkCreated, address: str | None = HERE) -> bool:
    return await links.grant(secret_of(link), address) is not None


async def used(links: Links, link: LinkCreated, address: str | None) -> bool:
    grant = await links.grant(secret_of(link), address)
    return grant is not None and await links.use(grant, address)


async def later(database: Database, seconds: int) -> None:
    async with database.write() as db:
        await db.execute(
            text(
                "UPDATE query.links SET created_at = created_at - :by, expires_at = expires_at - :by,"
                " used_at = used_at - :by"
            ).bindparams(by=timedelta(seconds=seconds))
        )


async def test_is_good_until_it_expires(links: Links, database: Database) -> None:
    link = await made(links, expires_in=3600)
    grant = await links.grant(secret_of(link), None)
    assert grant is not None
    assert grant.link == Link(**link.model_dump(exclude={"url"}))
    assert (link.expires_at - link.created_at).total_seconds() == 3600
    await later(database, 3000)
    assert await is_good(links, link)
    await later(database, 600)
    assert not await is_good(links, link)
    assert await links.of_account(maker()) == []


@pytest.mark.parametrize("secret", ["", "x", "x" * 43, "я" * 43, "x" * 44, "\x00" * 43, "../../health"])
async def test_what_is_no_secret_is_good_for_nothing(links: Links, secret: str) -> None:
    await made(links)
    assert await links.grant(secret, HERE) is None


async def test_the_secret_is_kept_nowhere(links: Links, database: Database) -> None:
    link = await made(links)
    async with database.read() as db:
        row = (await db.execute(text("SELECT links::text AS row FROM query.links"))).one().row
    assert secret_of(link) not in row
    assert secret_of(link).encode().hex() not in row


class TestOnce:
    async def test_one_of_many_at_once_has_it(self, links: Links) -> None:
        link = await made(links, once=True)
        grants = [await links.grant(secret_of(link), f"192.0.2.{number}") for number in range(20)]
        outcomes = await asyncio.gather(
            *(links.use(grant, f"192.0.2.{number}") for number, grant in enumerate(grants) if grant)
        )
        assert len(outcomes) == 20
        assert outcomes.count(True) == 1

    async def test_the_first_address_may_resume_for_a_while(self, links: Links, database: Database) -> None:
        link = await made(links, once=True, expires_in=7200)
        assert await used(links, link, HERE)
        assert not await used(links, link, ELSEWHERE)
        assert not await used(links, link, None)
        await later(database, RESUME_SECONDS // 2)
        assert await used(links, link, HERE)
        await later(database, RESUME_SECONDS // 2 + 1)  # from the first use, not from the last
        assert not await used(links, link, HERE)
        [listed] = await links.of_account(maker())
        assert listed.used_at is not None

    async def test_others_are_used_as_often_as_one_likes(self, links: Links) -> None:
        link = await made(links)
        assert [await used(links, link, each) for each in (HERE, ELSEWHERE, HERE, None)] == [True] * 4


class TestAddress:
    @pytest.mark.parametrize(
        ("network", "inside", "outside"),
        [
            (HERE, [HERE, f"::ffff:{HERE}"], [ELSEWHERE, "192.0.2.2", "::1"]),
            (f"::ffff:{HERE}", [HERE, f"::ffff:{HERE}"], [ELSEWHERE, "::1"]),
            ("::ffff:192.0.2.0/120", ["192.0.2.0", "192.0.2.255"], ["192.0.3.0"]),
            ("192.0.2.77/24", ["192.0.2.0", "192.0.2.255"], ["192.0.3.0"]),
            ("2001:db8::/32", ["2001:db8::1"], ["2001:db9::1", HERE]),
        ],
    )
    async def test_from_there_alone(
        self, links: Links, network: str, inside: list[str], outside: list[str]
    ) -> None:
        link = await made(links, address=network)
        for address in inside:
            assert await is_good(links, link, address), address
        for somewhere in (*outside, None, "unknown", ""):
            assert not await is_good(links, link, somewhere), somewhere

    @pytest.mark.parametrize(
        "network", ["", "nowhere", "192.0.2.0/33", "192.0.2", "1" * 100, "fe80::1%eth0", "fe80::1%\x00"]
    )
    async def test_must_be_one(self, network: str) -> None:
        with pytest.raises(ValueError, match="address"):
            NewLink(address=network)


class TestEnds:
    async def test_by_its_maker_alone(self, links: Links) -> None:
        link = await made(links)
        with pytest.raises(Problem, match="not-found"):
            await links.end(link.link_id, maker(account_id="another"))
        assert await is_good(links, link)
        await links.end(link.link_id, maker())
        assert not await is_good(links, link)
        with pytest.raises(Problem, match="not-found"):
            await links.end(link.link_id, maker())

    async def test_with_the_tokens_of_its_account(self, links: Links, ended: RevocationList) -> None:
        before = await made(links, maker(epoch=3))
        ended.learn(
            [Revocation.model_validate({"position": 1, "account_id": ACCOUNT, "epoch": 4, "until": 2e9})]
        )
        after = await made(links, maker(epoch=4))
        another = await made(links, maker(epoch=0, account_id="another"))
        assert [await is_good(links, link) for link in (before, after, another)] == [False, True, True]

    async def test_with_the_session_of_a_person(self, links: Links, ended: RevocationList) -> None:
        session = str(uuid4())
        link, other = await made(links, maker(session_id=session)), await made(links)
        ended.learn([Revocation.model_validate({"position": 1, "session_id": session, "until": 2e9})])
        assert [await is_good(links, each) for each in (link, other)] == [False, True]


async def test_none_outlives_its_account(links: Links) -> None:
    end = int(time.time()) + 60
    link = await made(links, maker(account_end=end), expires_in=3600)
    assert link.expires_at.timestamp() == end
    sooner = await made(links, maker(account_end=end + 3600), expires_in=60)
    assert (sooner.expires_at - sooner.created_at).total_seconds() == 60
    over = await made(links, maker(account_end=end - 120), expires_in=3600)
    assert not await is_good(links, over)


async def test_those_of_a_person_are_short(links: Links) -> None:
    with pytest.raises(Problem, match="3600 seconds"):
        await made(links, maker(session_id=str(uuid4())), expires_in=3601)


async def test_there_are_so_many_at_most(links: Links, database: Database) -> None:
    await made(links)
    copy = (
        "INSERT INTO query.links SELECT gen_random_uuid(), sha256(n::text::bytea), file_id, account_id, epoch,"
        " session_id, rate_limit, created_at, expires_at, once, address, used_at, used_by, direct"
        f" FROM query.links, generate_series(2, {MAX_LINKS}) AS n"
    )
    async with database.write() as db:
        await db.execute(text(copy))
    assert len(await links.of_account(maker())) == MAX_LINKS
    with pytest.raises(Problem, match="too-many-links"):
        await made(links)
    await made(links, maker(account_id="another"))
    await later(database, 86_400)
    for _ in range(2):
        await made(links)
    async with database.read() as db:
        assert await db.scalar(text("SELECT count(*) FROM query.links")) == 2
