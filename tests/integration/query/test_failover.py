"""Downloads whose elements break off, are damaged, or have other bytes than they should; over real HTTP, with
elements that do as a test tells them.
"""

import asyncio
import hashlib
import json
import os
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from datetime import UTC, datetime
from uuid import UUID

import pytest
from starlette.types import Message

from artstore.kernel.peers import BreakerOptions, Breakers, http_session
from artstore.kernel.problems import Problem
from artstore.query.files import fetching
from artstore.query.files.choice import ElementChoice
from artstore.query.files.continuing import Continuation
from artstore.query.files.elements import ElementFiles
from artstore.query.files.fetching import Asked, Fetcher
from artstore.query.files.locate import Whereabouts, not_found
from artstore.query.files.relay import RelayedResponse
from artstore.query.files.stream import DocumentStream, ElementBroke
from artstore.wire.elements import ElementHealth, RegisteredElement
from artstore.wire.problems import ProblemType
from tests.support.announcements import registered
from tests.support.ports import free_port
from tests.support.scripted import Reply, Request, ScriptedServer, scripted

FILE_ID = UUID("0193a5b0-0000-7000-8000-000000000001")
CONTENT = os.urandom(300_000)
CODED = os.urandom(100_000)
PIECE_BYTES = 25_000
HURRIED_SECONDS = 0.5
"""More than an element mostly needs that answers; where one is given up that would have, the next one has it."""
UNHURRIED_SECONDS = 3
"""The same for tests that need the answer of the very one: a busy machine may stand still for longer."""
AT = datetime(2026, 11, 27, tzinfo=UTC)


def tag(content: bytes) -> str:
    return f'"{hashlib.sha256(content).hexdigest()}"'


class FakeElement:
    """Has one document, and breaks off after so many bytes of its answers as ``cuts`` says, in turn."""

    def __init__(
        self,
        *cuts: int | None,
        content: bytes = CONTENT,
        coded: bytes | None = None,
        refusal: Reply | None = None,
        hangs: bool = False,
        pause_seconds: float = 0,
    ) -> None:
        """``hangs``: where it would break off it sends nothing more. ``pause_seconds``: after each piece."""
        self.server: ScriptedServer
        self._cuts = list(cuts)
        self._content = content
        self._coded = coded
        self._refusal = refusal
        self._refusals: list[Reply] = []
        self._hangs = hangs
        self._pause_seconds = pause_seconds

    def refuse(self, reply: Reply, *, times: int) -> None:
        self._refusals = [reply] * times

    @property
    def asked(self) -> list[dict[str, str]]:
        return [request.headers for request in self.server.requests]

    def answer(self, request: Request) -> Reply:
        if self._refusals:
            return self._refusals.pop()
        if self._refusal is not None:
            return self._refusal
        reply = self._reply(request.headers)
        if self._cuts:
            reply.cut = self._cuts.pop(0)
            reply.hangs = self._hangs and reply.cut is not None
        if self._pause_seconds:
            reply.piece_bytes, reply.pause_seconds = PIECE_BYTES, self._pause_seconds
        return reply

    def _reply(self, asked: dict[str, str]) -> Reply:
        if self._coded is not None and asked.get("accept-encoding") == "br":
            content, headers = self._coded, {"Content-Encoding": "br"}
        else:
            content, headers = self._content, {}
        headers["ETag"] = tag(content)
        if asked.get("if-match", headers["ETag"]) != headers["ETag"]:
            return Reply.problem("precondition-failed", 412)
        wanted = asked.get("range")
        if wanted is None:
            return Reply(200, content, headers)
        if "," in wanted:  # the body is that of no real element, but always the same
            kind = {"Content-Type": "multipart/byteranges; boundary=b"}
            return Reply(206, content[:100_000], {**headers, **kind})
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        start, stop = int(first), int(last) + 1 if last else len(content)
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(content)}"
        return Reply(206, content[start:stop], headers)


class Known(Whereabouts):
    def __init__(self, known: Iterable[str], asked: Iterable[str] = ()) -> None:
        self._ids, self._later = list(known), list(asked)

    async def known(self) -> Iterable[str]:
        return self._ids

    async def asked(self) -> Iterable[str]:
        if not self._later:
            raise not_found()
        return self._later


class Stand:
    """Elements with the ids a, b, … and what Query makes of them."""

    def __init__(self, elements: dict[str, RegisteredElement], fetcher: Fetcher) -> None:
        self.elements = elements
        self.fetcher = fetcher

    async def stream(
        self,
        known: str = "ab",
        later: str = "",
        conditions: Mapping[str, str] | None = None,
        *,
        seconds: float = 20,
    ) -> DocumentStream:
        given = {name.replace("_", "-"): value for name, value in (conditions or {}).items()}
        asked = Asked(FILE_ID, "GET", {"Authorization": "Bearer x"}, given)
        where = Known(known, later)
        opened = await self.fetcher.open(asked, where)
        return DocumentStream(opened, Continuation(self.fetcher, asked, where, opened, seconds=seconds))

    async def content(self, known: str = "ab", later: str = "", **conditions: str) -> bytes:
        stream = await self.stream(known, later, conditions)
        try:
            return b"".join([chunk async for chunk in stream.chunks()])
        finally:
            stream.close()


@asynccontextmanager
async def standing(
    *fakes: FakeElement, open_seconds: float = 0.01, hurried_seconds: float = 5
) -> AsyncIterator[Stand]:
    async with AsyncExitStack() as stack:
        elements = {}
        for name, fake in zip("abc", fakes, strict=False):
            fake.server = await stack.enter_async_context(scripted(fake.answer))
            elements[name] = registered(name, url=fake.server.url)
        session = await stack.enter_async_context(http_session())
        choice = ElementChoice(elements.get, Breakers(BreakerOptions(open_seconds=open_seconds)))
        yield Stand(elements, Fetcher(ElementFiles(session), choice, hurried_seconds))


class TestGoesOn:
    async def test_at_the_right_byte_of_another_element(self) -> None:
        a, b = FakeElement(123_456), FakeElement()
        async with standing(a, b) as stand:
            assert await stand.content() == CONTENT
        assert b.asked[0]["range"] == f"bytes=123456-{len(CONTENT) - 1}"
        assert b.asked[0]["if-match"] == tag(CONTENT)
        assert b.asked[0]["authorization"] == "Bearer x"
        assert len(a.asked) == 1

    async def test_before_the_first_byte(self) -> None:
        a, b = FakeElement(0), FakeElement()
        async with standing(a, b) as stand:
            assert await stand.content() == CONTENT

    async def test_of_a_range(self) -> None:
        a, b = FakeElement(50_000), FakeElement()
        async with standing(a, b) as stand:
            assert await stand.content(Range="bytes=100000-199999") == CONTENT[100_000:200_000]
        assert b.asked[0]["range"] == "bytes=150000-199999"

    async def test_of_several_ranges(self) -> None:
        a, b = FakeElement(70_000), FakeElement()
        async with standing(a, b) as stand:
            assert await stand.content(Range="bytes=0-9,-10") == CONTENT[:100_000]
        assert b.asked[0]["range"] == "bytes=0-9,-10"

    async def test_of_compressed_bytes(self) -> None:
        a, b = FakeElement(70_000, coded=CODED), FakeElement(coded=CODED)
        async with standing(a, b) as stand:
            assert await stand.content(Accept_Encoding="br", If_None_Match='"other"') == CODED
        assert b.asked[0]["accept-encoding"] == "br"
        assert "if-none-match" not in b.asked[0]
        assert "range" not in b.asked[0]

    async def test_more_than_once(self) -> None:
        a, b = FakeElement(100_000, 1000, 1000), FakeElement(100_000, 1000)
        async with standing(a, b) as stand:
            assert await stand.content() == CONTENT

    async def test_as_often_as_it_takes_of_elements_that_are_slow(self) -> None:
        content = os.urandom(1_500_000)
        cuts = [100_000] * 7
        a, b = FakeElement(*cuts, content=content), FakeElement(*cuts, content=content)
        async with standing(a, b) as stand:
            assert await stand.content() == content
        assert len(a.asked) + len(b.asked) == 15

    async def test_at_the_same_element(self) -> None:
        a = FakeElement(100_000)
        async with standing(a) as stand:
            assert await stand.content("a") == CONTENT
        assert [asked.get("range") for asked in a.asked] == [None, f"bytes=100000-{len(CONTENT) - 1}"]

    @pytest.mark.parametrize("status", [429, 503])
    async def test_at_the_same_element_that_refuses_for_a_moment(self, status: int) -> None:
        a = FakeElement(100_000)
        async with standing(a) as stand:
            stream = await stand.stream("a")
            a.refuse(Reply(status, b"{}"), times=1)
            assert b"".join([chunk async for chunk in stream.chunks()]) == CONTENT

    async def test_where_the_document_has_moved_to(self) -> None:
        a, b = FakeElement(100_000), FakeElement()
        async with standing(a, b) as stand:
            stream = await stand.stream("a", later="b")
            parts: list[bytes] = []
            async for chunk in stream.chunks():
                if not parts:
                    # Nobody listens there any more.
                    stand.elements["a"] = registered("a", url=unused_address())
                parts.append(chunk)
            stream.close()
        assert b"".join(parts) == CONTENT
        assert len(b.asked) == 1


class TestAtOnce:
    """A small document that is here soon is had in one piece; all others in the pieces that come."""

    SMALL = CONTENT[:20_000]

    async def both(self, stand: Stand) -> tuple[bytes | None, bytes]:
        stream = await stand.stream()
        try:
            whole = await stream.at_once()
            pieces = [] if whole is not None else [chunk async for chunk in stream.chunks()]
            return whole, b"".join(pieces)
        finally:
            stream.close()

    async def test_a_small_one(self) -> None:
        async with standing(FakeElement(content=self.SMALL)) as stand:
            assert await self.both(stand) == (self.SMALL, b"")

    async def test_not_a_large_one(self) -> None:
        async with standing(FakeElement()) as stand:
            assert await self.both(stand) == (None, CONTENT)

    async def test_not_one_whose_element_breaks_off(self) -> None:
        a, b = FakeElement(5000, content=self.SMALL), FakeElement(content=self.SMALL)
        async with standing(a, b) as stand:
            assert await self.both(stand) == (None, self.SMALL)

    async def test_not_one_that_comes_slowly(self) -> None:
        """What has come by then is not lost."""
        whole = CONTENT[: 3 * PIECE_BYTES]
        async with standing(FakeElement(content=whole, pause_seconds=0.2)) as stand:
            assert await self.both(stand) == (None, whole)


class TestHangs:
    """An element that neither answers nor breaks off is given up soon, where another may have the document."""

    @pytest.fixture(autouse=True)
    async def sooner_than_silence_ends_by_itself(self) -> AsyncIterator[None]:
        async with asyncio.timeout(30):
            yield

    async def test_before_its_answer(self) -> None:
        a, b = FakeElement(refusal=Reply(hangs=True)), FakeElement()
        async with standing(a, b, hurried_seconds=HURRIED_SECONDS) as stand:
            assert await stand.content() == CONTENT
        assert (len(a.asked), len(b.asked)) == (1, 1)

    async def test_in_the_middle(self) -> None:
        a, b = (
            FakeElement(refusal=Reply(200, CONTENT, {"ETag": tag(CONTENT)}, 1000, hangs=True)),
            FakeElement(),
        )
        async with standing(a, b, hurried_seconds=UNHURRIED_SECONDS) as stand:
            assert await stand.content() == CONTENT
        assert b.asked[0]["range"] == f"bytes=1000-{len(CONTENT) - 1}"

    async def test_while_another_goes_on(self) -> None:
        a, b, c = FakeElement(1000, 0), FakeElement(refusal=Reply(hangs=True)), FakeElement()
        async with standing(a, b, c, hurried_seconds=UNHURRIED_SECONDS) as stand:
            assert await stand.content("abc") == CONTENT
        assert c.asked[0]["range"] == f"bytes=1000-{len(CONTENT) - 1}"

    async def test_elements_that_are_slow_are_waited_for(self) -> None:
        # The pauses are more than may break a download off.
        a, b = FakeElement(pause_seconds=0.1), FakeElement(pause_seconds=0.1)
        async with standing(a, b, hurried_seconds=0.05) as stand:
            assert await stand.content() == CONTENT

    async def test_the_next_is_given_up_before_its_answer_though_one_was_slow(self) -> None:
        a, b, c = FakeElement(1000, hangs=True), FakeElement(refusal=Reply(hangs=True)), FakeElement()
        async with standing(a, b, c, hurried_seconds=HURRIED_SECONDS) as stand:
            assert await stand.content("abc") == CONTENT

    async def test_for_ever_where_no_element_goes_on(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(fetching, "SILENCE_SECONDS", 2 * HURRIED_SECONDS)
        a, b = FakeElement(1000, *[0] * 20, hangs=True), FakeElement(*[0] * 20, hangs=True)
        async with standing(a, b, hurried_seconds=UNHURRIED_SECONDS) as stand:
            received = bytearray()
            stream = await stand.stream()
            with pytest.raises(ElementBroke):
                await read(stream, received)
        assert bytes(received) == CONTENT[:1000]
        assert len(a.asked) + len(b.asked) < 9

    async def test_it_is_waited_for_where_no_other_has_the_document(self) -> None:
        a, b = FakeElement(), FakeElement(refusal=Reply.problem("not-found", 404))
        async with standing(a, b, hurried_seconds=HURRIED_SECONDS) as stand:
            a.refuse(Reply(hangs=True), times=1)
            assert await stand.content() == CONTENT
        assert (len(a.asked), len(b.asked)) == (2, 1)


class TestBreaks:
    """Rather than that other bytes are passed on, or the same asked for for ever."""

    async def broken(self, stand: Stand, known: str, **conditions: str) -> bytes:
        received = bytearray()
        stream = await stand.stream(known, conditions=conditions)
        with pytest.raises(ElementBroke):
            await read(stream, received)
        stream.close()
        return bytes(received)

    async def test_where_another_element_has_other_bytes(self) -> None:
        a, b = FakeElement(1000, 0), FakeElement(content=os.urandom(len(CONTENT)))
        async with standing(a, b) as stand:
            assert await self.broken(stand, "ab") == CONTENT[:1000]

    async def test_where_another_element_does_not_heed_if_match(self) -> None:
        other = os.urandom(len(CONTENT))
        first, last = 1000, len(CONTENT) - 1
        headers = {"ETag": tag(other), "Content-Range": f"bytes {first}-{last}/{len(CONTENT)}"}
        a, b = FakeElement(1000, 0), FakeElement(refusal=Reply(206, other[1000:], headers))
        async with standing(a, b) as stand:
            assert await self.broken(stand, "ab") == CONTENT[:1000]

    @pytest.mark.parametrize(
        "reply",
        [
            Reply(200, CONTENT, {"ETag": tag(CONTENT)}),
            Reply(206, CONTENT[999:], {"ETag": tag(CONTENT), "Content-Range": "bytes 999-299999/300000"}),
            Reply(206, CONTENT[1000:1500], {"ETag": tag(CONTENT), "Content-Range": "bytes 1000-1499/300000"}),
        ],
        ids=["whole", "other place", "shorter"],
    )
    async def test_where_another_element_gives_another_part(self, reply: Reply) -> None:
        a, b = FakeElement(1000, 0), FakeElement(refusal=reply)
        async with standing(a, b) as stand:
            assert await self.broken(stand, "ab") == CONTENT[:1000]

    async def test_where_another_element_has_it_not_compressed(self) -> None:
        a, b = FakeElement(1000, 0, coded=CODED), FakeElement()
        async with standing(a, b) as stand:
            assert await self.broken(stand, "ab", Accept_Encoding="br") == CODED[:1000]

    async def test_where_the_only_element_stops_at_the_same_byte_again(self) -> None:
        a = FakeElement(1000, 0, 0, 0)
        async with standing(a) as stand:
            assert await self.broken(stand, "a") == CONTENT[:1000]
        assert len(a.asked) == 2

    async def test_where_elements_break_off_all_the_time(self) -> None:
        a, b = FakeElement(*[1000] * 20), FakeElement(*[1000] * 20)
        async with standing(a, b) as stand:
            assert await self.broken(stand, "ab") == CONTENT[:9000]
        assert len(a.asked) + len(b.asked) == 9

    @pytest.mark.parametrize(("cut", "status"), [(0, 503), (1000, 200)])
    async def test_a_client_that_got_no_byte_is_told(self, cut: int, status: int) -> None:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async with standing(FakeElement(cut, 0, 0)) as stand:
            response = RelayedResponse(await stand.stream("a"), stalled_seconds=30)
            with nullcontext() if cut == 0 else pytest.raises(ElementBroke):
                await response({"type": "http"}, never, send)
        assert sent[0]["status"] == status
        content = b"".join(message.get("body", b"") for message in sent)
        if cut == 0:
            assert json.loads(content)["type"] == ProblemType.ELEMENT_UNAVAILABLE.uri
        else:
            assert content == CONTENT[:cut]

    async def test_when_its_time_is_over(self) -> None:
        a = FakeElement(100_000)
        async with standing(a) as stand:
            stream = await stand.stream("a", seconds=0)
            stand.elements["a"] = registered("a", url=unused_address())
            with pytest.raises(ElementBroke):
                await read(stream, bytearray())


class TestFirstByte:
    @pytest.mark.parametrize(
        "refusal",
        [
            Reply.problem("document-damaged", 500, **{"Content-Type": "application/problem+json"}),
            Reply.problem("document-offline", 202, **{"Content-Type": "application/problem+json"}),
            Reply.problem("dependency-unavailable", 503, **{"Content-Type": "application/problem+json"}),
        ],
        ids=["damaged", "offline", "not at work"],
    )
    async def test_is_anothers_where_the_first_cannot_give_it(self, refusal: Reply) -> None:
        async with standing(FakeElement(refusal=refusal), FakeElement()) as stand:
            assert await stand.content() == CONTENT
        async with standing(FakeElement(refusal=refusal)) as stand:
            stream = await stand.stream("a")
            assert stream.head.status == refusal.status
            stream.close()

    async def test_a_damaged_document_is_not_a_broken_element(self) -> None:
        damaged = Reply.problem("document-damaged", 500, **{"Content-Type": "application/problem+json"})
        async with standing(FakeElement(refusal=damaged)) as stand:
            for _ in range(10):
                stream = await stand.stream("a")
                assert stream.head.status == 500
                stream.close()

    async def test_damage_is_not_told_while_another_copy_may_be_whole(self) -> None:
        damaged = Reply.problem("document-damaged", 500, **{"Content-Type": "application/problem+json"})
        async with standing(FakeElement(refusal=damaged)) as stand:
            stand.elements["b"] = registered("b", url=unused_address())
            with pytest.raises(Problem, match="element-unavailable"):
                await stand.stream("ab")

    async def test_an_element_that_fails_is_left_alone(self) -> None:
        failing = Reply(500, b"")
        a, b = FakeElement(refusal=failing), FakeElement()
        async with standing(a, b) as stand:
            choice = ElementChoice(stand.elements.get, Breakers(BreakerOptions(open_seconds=60)))
            async with http_session() as session:
                stand.fetcher = Fetcher(ElementFiles(session), choice, 5)
                for _ in range(10):
                    assert await stand.content() == CONTENT
        assert len(a.asked) == 3
        assert len(b.asked) == 10

    async def test_all_wait_for_the_one_that_tries_an_element_again(self) -> None:
        a = FakeElement()
        async with standing(a, open_seconds=60) as stand:
            a.refuse(Reply(500, b""), times=3)
            for _ in range(3):
                (await stand.stream("a")).close()
            with pytest.raises(Problem, match="element-unavailable"):
                await stand.stream("a")
            stand.elements["a"] = stand.elements["a"].model_copy(update={"started_at": AT.replace(year=2027)})
            contents = await asyncio.gather(*(stand.content("a") for _ in range(10)))
        assert contents == [CONTENT] * 10


class TestOrder:
    def choice(self, *elements: RegisteredElement) -> ElementChoice:
        return ElementChoice({each.element_id: each for each in elements}.get, Breakers(BreakerOptions()))

    def ids(self, choice: ElementChoice, asked: str = "ab") -> str:
        return "".join(element.element_id for element in choice.in_order(asked))

    def test_as_they_come(self) -> None:
        choice = self.choice(registered("a"), registered("b"))
        assert (self.ids(choice, "ab"), self.ids(choice, "ba"), self.ids(choice, "xb")) == ("ab", "ba", "b")

    def test_the_idle_one_first(self) -> None:
        choice = self.choice(registered("a"), registered("b"))
        with choice.under_way("a"):
            assert self.ids(choice) == "ba"
            with choice.under_way("b"), choice.under_way("b"):
                assert self.ids(choice) == "ab"
        assert self.ids(choice) == "ab"

    def test_the_ailing_one_last(self) -> None:
        away, ailing = (
            registered("a", health=health) for health in (ElementHealth.AWAY, ElementHealth.DEGRADED)
        )
        ailing = ailing.model_copy(update={"element_id": "b"})
        choice = self.choice(away, ailing, registered("c"))
        with choice.under_way("c"):
            assert self.ids(choice, "abc") == "cba"

    def test_the_one_that_is_left_alone_last(self) -> None:
        choice = self.choice(registered("a"), registered("b", health=ElementHealth.AWAY))
        for _ in range(3):
            attempt = choice.breakers.attempt(registered("a"))
            assert attempt is not None
            attempt.failed("for the test")
        assert self.ids(choice) == "ba"


async def test_busy_elements_share_the_downloads() -> None:
    a, b = FakeElement(), FakeElement()
    async with standing(a, b) as stand:
        streams = await asyncio.gather(*(stand.stream() for _ in range(2)))
        streams += [await stand.stream() for _ in range(4)]
        for stream in streams:
            stream.close()
    assert abs(len(a.asked) - len(b.asked)) <= 2


async def never() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


async def read(stream: DocumentStream, received: bytearray) -> None:
    async for chunk in stream.chunks():
        received.extend(chunk)


def unused_address() -> str:
    return f"http://127.0.0.1:{free_port()}"
