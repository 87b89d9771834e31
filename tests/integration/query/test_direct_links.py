"""To which element the client of a link is sent on, and when it is not; elements and Admin do as a test tells."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from artstore.kernel.peers import BreakerOptions, Breakers, ServiceToken, http_session
from artstore.query.files.choice import ElementChoice
from artstore.query.files.elements import ElementFiles
from artstore.query.files.fetching import Asked, Fetcher
from artstore.query.links import tickets
from artstore.query.links.direct import DirectDownloads
from artstore.query.links.repository import Grant, Maker
from artstore.query.links.tickets import AdminTickets
from artstore.wire.elements import RegisteredElement
from artstore.wire.links import Link
from artstore.wire.tickets import TICKETS_PATH, NewTicket
from tests.support.announcements import registered
from tests.support.scripted import Reply, Request, scripted

from .test_failover import AT, FILE_ID, Known

ACCOUNT, SESSION = str(uuid4()), str(uuid4())
TICKET = Reply.of({"ticket": "eyJ.x.y", "expires_in": 60}, 201)
Replying = Callable[[Request], Reply]


@pytest.fixture(autouse=True)
def _admin_has_time_to_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no Admin that hangs."""
    monkeypatch.setattr(tickets, "_SECONDS", 60)


def always(reply: Reply) -> Replying:
    return lambda _: reply


HAS_IT, A_TICKET = always(Reply(200)), always(TICKET)


def grant(*, session_id: str | None = None, account_id: str = ACCOUNT, **changed: Any) -> Grant:
    link = Link(
        link_id=uuid4(),
        file_id=FILE_ID,
        created_at=AT,
        expires_at=AT + timedelta(hours=1),
        once=False,
        address=None,
        direct=True,
        used_at=None,
    )
    return Grant(link.model_copy(update=changed), Maker(account_id, 3, session_id, 100))


class Stand:
    """Elements a and b, of which clients reach b alone, unless a test says otherwise."""

    def __init__(self, direct: DirectDownloads, elements: dict[str, RegisteredElement]) -> None:
        self.direct = direct
        self.elements = elements
        self.tickets: list[dict[str, Any]] = []
        """That Admin was asked for."""
        self.seconds = 0.0
        """What the clock says by which Admin is left alone."""

    async def address(self, known: str, given: Grant | None = None) -> str | None:
        asked = Asked(FILE_ID, "HEAD", {"Authorization": "Bearer x"}, {})
        return await self.direct.address(given or grant(), asked, Known(known))


@asynccontextmanager
async def standing(
    a: Replying = HAS_IT,
    b: Replying = HAS_IT,
    admin: Replying = A_TICKET,
    seconds: float = 30,
) -> AsyncIterator[Stand]:
    async with AsyncExitStack() as stack:
        elements = {}
        for name, reply in (("a", a), ("b", b)):
            server = await stack.enter_async_context(scripted(reply))
            elements[name] = registered(name, url=server.url)
        elements["b"] = elements["b"].model_copy(update={"client_url": "https://b.example/elements/b/"})
        session = await stack.enter_async_context(http_session())
        fetcher = Fetcher(
            ElementFiles(session),
            ElementChoice(elements.get, Breakers(BreakerOptions(open_seconds=0.01))),
            5,
        )
        server = await stack.enter_async_context(scripted(admin))
        token = ServiceToken(session, server.url, "services", "secret")
        issuing = AdminTickets(session, server.url, token, clock=lambda: stand.seconds)
        stand = Stand(
            DirectDownloads(fetcher, lambda: list(elements.values()), issuing, seconds=seconds), elements
        )
        yield stand
        stand.tickets += [
            {"Authorization": request.headers["authorization"], "body": request.body.decode()}
            for request in server.requests
            if request.path == TICKETS_PATH
        ]


async def test_to_the_element_that_has_the_document() -> None:
    async with standing() as stand:
        assert await stand.address("b") == "https://b.example/elements/b/api/v1/tickets/eyJ.x.y/download"


async def test_the_one_that_is_away_is_passed_over() -> None:
    async with standing() as stand:
        stand.elements["a"] = registered("a", url="http://127.0.0.1:9").model_copy(
            update={"client_url": "https://a.example"}
        )
        assert str(await stand.address("ab")).startswith("https://b.example/")


@pytest.mark.parametrize("status", [202, 304, 404, 412, 500, 503])
async def test_not_where_the_element_would_not_send_it(status: int) -> None:
    async with standing(b=always(Reply.problem("x", status))) as stand:
        assert await stand.address("b") is None
    assert stand.tickets == []


async def test_not_where_clients_cannot_reach_the_element() -> None:
    async with standing() as stand:
        assert await stand.address("a") is None
        stand.elements["b"] = stand.elements["b"].model_copy(update={"client_url": ""})
        assert await stand.address("b") is None
    assert stand.tickets == []


@pytest.mark.parametrize(
    "reply",
    [
        Reply.problem("insufficient-scope", 403),
        Reply.problem("rate-limited", 429),
        Reply.problem("dependency-unavailable", 503),
        Reply(201, b"nonsense"),
        Reply(201, b"x" * 100_000),
        Reply(201, b"{}", cut=1),
    ],
)
async def test_not_where_admin_gives_no_ticket(reply: Reply) -> None:
    async with standing(admin=always(reply)) as stand:
        assert await stand.address("b") is None


async def test_an_element_that_hangs_is_not_waited_for_long() -> None:
    async with asyncio.timeout(20), standing(b=always(Reply(hangs=True)), seconds=0.1) as stand:
        assert await stand.address("b") is None
    assert stand.tickets == []


async def test_admin_is_left_alone_for_a_while_once_it_hung(monkeypatch: pytest.MonkeyPatch) -> None:
    hangs = True
    async with standing(admin=lambda _: Reply(hangs=True) if hangs else TICKET) as stand:
        with monkeypatch.context() as hurried:
            hurried.setattr(tickets, "_SECONDS", 0.1)
            assert await stand.address("b") is None
        hangs = False  # whoever asked it now would have a ticket
        for _ in range(2):
            assert await stand.address("b") is None
        stand.seconds += tickets.LEFT_ALONE_SECONDS
        assert await stand.address("b") is not None


async def test_admin_that_refuses_one_is_asked_for_the_next() -> None:
    replies = [Reply.problem("rate-limited", 429), TICKET]
    async with standing(admin=lambda _: replies.pop(0)) as stand:
        assert await stand.address("b") is None
        assert await stand.address("b") is not None


async def test_another_token_where_admin_refuses_the_first() -> None:
    def admin(request: Request) -> Reply:
        is_first = request.headers["authorization"] == "Bearer t1"
        return Reply.problem("unauthenticated", 401) if is_first else TICKET

    async with standing(admin=admin) as stand:
        assert await stand.address("b") is not None
    assert [each["Authorization"] for each in stand.tickets] == ["Bearer t1", "Bearer t2"]


@pytest.mark.parametrize(
    ("once", "network", "address"),
    [
        (False, None, None),
        (False, "192.0.2.0/24", "192.0.2.0/24"),
        # The element may see the client at another address than Query does, by which it would be refused.
        (True, None, None),
        (True, "192.0.2.0/24", "192.0.2.0/24"),
    ],
)
async def test_what_the_ticket_is_bound_to(once: bool, network: str | None, address: str | None) -> None:
    async with standing() as stand:
        assert await stand.address("b", grant(once=once, address=network, session_id=SESSION)) is not None
    [asked] = stand.tickets
    assert NewTicket.model_validate_json(asked["body"]) == NewTicket(
        file_id=FILE_ID,
        account_id=UUID(ACCOUNT),
        epoch=3,
        session_id=UUID(SESSION),
        rate_limit=100,
        address=address,
    )
