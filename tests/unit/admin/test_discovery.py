"""Addresses at which an element may be looked for, and what is made of the answers there."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from artstore.admin.storage_elements import discovery as discovery_module
from artstore.admin.storage_elements.discovery import Discovery, checked_url
from artstore.kernel.problems import Problem
from artstore.wire.elements import ElementAnnouncement
from artstore.wire.problems import ProblemType
from tests.support.announcements import announced
from tests.support.pieces import answer_in_pieces

INFO: dict[str, Any] = announced("rw-01").model_dump(mode="json")


class TestAddress:
    @pytest.mark.parametrize(
        ("url", "taken"),
        [
            ("http://127.0.0.1:8010", "http://127.0.0.1:8010"),
            ("https://element.example/rw-01/", "https://element.example/rw-01"),
            ("http://[::1]:8010", "http://[::1]:8010"),
            ("http://10.0.0.5", "http://10.0.0.5"),
        ],
    )
    def test_good(self, url: str, taken: str) -> None:
        assert checked_url(url) == taken

    @pytest.mark.parametrize(
        "url",
        [
            *(
                "",
                "element:8010",
                "file:///etc/passwd",
                "ftp://element",
                "gopher://element",
                "http://",
                "http:///x",
            ),
            *(
                "http://user:password@element",
                "http://element?x=1",
                "http://element#x",
                "http://element:99999",
            ),
            *(
                "http://169.254.169.254",
                "http://[fe80::1]",
                "http://[fe80::1%25eth0]",
                "http://0.0.0.0",
                "http://[::]",
            ),
            *("http://[::ffff:169.254.169.254]", "http://224.0.0.1", "http://[fd00:ec2::254]"),
            *("http://elem\r\nent", "http://элемент", "http://ele ment", "http://[::1", "\x00http://element"),
        ],
    )
    def test_bad(self, url: str) -> None:
        with pytest.raises(Problem) as refused:
            checked_url(url)
        assert (refused.value.kind, refused.value.field) == (ProblemType.INVALID_PARAMETER, "url")


class Element:
    """An HTTP server that answers for an element, as it is told to."""

    def __init__(self) -> None:
        self.body = json.dumps(INFO)
        self.status = 200
        self.headers: dict[str, str] = {}
        self.silent = False
        self.pieces = 1
        self.authorization = ""
        self.asked = 0
        application = web.Application()
        application.router.add_get("/api/v1/info", self._answer)
        self.server = TestServer(application)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        self.authorization = request.headers["Authorization"]
        if self.silent:
            await asyncio.Event().wait()
        if self.pieces > 1:
            return await answer_in_pieces(request, self.body.encode(), self.pieces)
        return web.Response(text=self.body, status=self.status, headers=self.headers)

    @property
    def url(self) -> str:
        return str(self.server.make_url("/"))


@pytest.fixture
async def element() -> AsyncIterator[Element]:
    element = Element()
    await element.server.start_server()
    yield element
    await element.server.close()


async def _token() -> str:
    return "a-token"


@pytest.fixture
def discovery() -> Discovery:
    return Discovery(_token)


class TestAnswer:
    async def test_of_an_element(self, element: Element, discovery: Discovery) -> None:
        assert await discovery.ask(element.url) == ElementAnnouncement.model_validate(INFO)
        assert element.authorization == "Bearer a-token"

    async def test_in_pieces(self, element: Element, discovery: Discovery) -> None:
        element.pieces = 3
        assert await discovery.ask(element.url) == ElementAnnouncement.model_validate(INFO)

    async def test_by_name(self, element: Element, discovery: Discovery) -> None:
        url = element.url.replace("127.0.0.1", "localhost")
        assert (await discovery.ask(url)).element_id == "rw-01"

    @pytest.mark.parametrize(
        "changes",
        [
            {"element_id": "../x"},
            {"element_id": "x" * 64},
            {"url": "file:///etc/passwd"},
            {"used_bytes": 2**63},
            {"documents": -1},
            {"announced_at": "2026-11-23T12:00:00"},
            {"mode": "any"},
            {"client_url": "ftp://element"},
            {"client_url": "https://element\r\nSet-Cookie: x=y"},
            {"client_url": "https://element\n"},
            {"client_url": "https://элемент"},
            {"client_url": "https://element/" + "x" * 2000},
        ],
    )
    async def test_that_the_registry_cannot_keep(
        self, element: Element, discovery: Discovery, changes: dict[str, Any]
    ) -> None:
        element.body = json.dumps(INFO | changes)
        await self.refused(discovery, element.url, ProblemType.INVALID_PARAMETER)

    @pytest.mark.parametrize("body", ["", "[]", "secret words", "{" * 5000, "x" * 1_000_000])
    async def test_of_something_else_is_not_told(
        self, element: Element, discovery: Discovery, body: str
    ) -> None:
        element.body = body
        problem = await self.refused(discovery, element.url, ProblemType.INVALID_PARAMETER)
        assert "secret" not in str(problem)

    @pytest.mark.parametrize("status", [302, 401, 404, 500])
    async def test_status(self, element: Element, discovery: Discovery, status: int) -> None:
        element.status, element.headers = status, {"Location": element.url + "api/v1/info"}
        await self.refused(discovery, element.url, ProblemType.INVALID_PARAMETER)
        assert element.asked == 1  # a redirect is not followed

    async def test_none_in_time(
        self, element: Element, discovery: Discovery, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(discovery_module, "_SECONDS", 0.1)
        element.silent = True
        await self.refused(discovery, element.url, ProblemType.ELEMENT_UNAVAILABLE)

    async def test_nobody_listens(self, element: Element, discovery: Discovery) -> None:
        url = element.url
        await element.server.close()
        await self.refused(discovery, url, ProblemType.ELEMENT_UNAVAILABLE)

    async def test_name_that_leads_where_no_element_is(
        self, discovery: Discovery, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The address that was judged is the one that is connected to."""
        monkeypatch.setattr(discovery_module, "_is_allowed", lambda host: host == "localhost")
        await self.refused(discovery, "http://localhost:1", ProblemType.ELEMENT_UNAVAILABLE)

    async def refused(self, discovery: Discovery, url: str, kind: ProblemType) -> Problem:
        with pytest.raises(Problem) as refused:
            await discovery.ask(url)
        assert refused.value.kind is kind
        return refused.value
