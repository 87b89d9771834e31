"""What the client asks of searches, and what it makes of the answers, over real HTTP against a scripted server."""

import asyncio
import json
import os
from datetime import UTC, date, datetime
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from artstore.attributes import RetentionPolicy
from artstore.sdk import AsyncClient, Client, Profile
from artstore.sdk.errors import Rejected, Unavailable
from artstore.sdk.retries import Retries
from artstore.wire.archives import NewArchive
from artstore.wire.search import SearchAnswer, SearchSort
from tests.support.scripted import Reply, Request, Script, scripted

QUICK = Retries(attempts=3, first_wait=0.01, longest_wait=0.5)
AT = "2026-11-23T00:00:00Z"
HIT = {
    "file_id": "0193a5b0-7c1e-7000-8000-5a3f1b2c4d5e",
    "original_filename": "report.bin",
    "file_size": 1,
    "content_type": "application/octet-stream",
    "checksum": "0" * 64,
    "created_at": AT,
    "updated_at": AT,
    "created_by_id": "a",
    "created_by_username": "somebody",
    "element_id": "rw-01",
    "highlights": [
        {
            "path": ["custom_attributes", "0", 0],
            "parts": [{"text": "a", "match": True}],
            "cut_before": False,
            "cut_after": True,
        }
    ],
}
EVERYTHING: dict[str, Any] = {
    "mode": "exact",
    "sort": SearchSort.LARGEST,
    "content_type": ["image/*", "application/pdf"],
    "extension": "pdf",
    "size_min": 0,
    "size_max": 10**12,
    "created_from": datetime(2025, 3, 17, 12, tzinfo=UTC),
    "created_before": date(2026, 1, 1),
    "updated_from": "2025-01-01",
    "account": ["a", "b"],
    "retention": [RetentionPolicy.PERMANENT],
    "tag": "оплачено & c",
    "attribute": ["pages>=10", "!signed", "customer.name=Almaz"],
}
AS_PARAMETERS = {
    "mode": ["exact"],
    "sort": ["-size"],
    "content_type": ["image/*", "application/pdf"],
    "extension": ["pdf"],
    "size_min": ["0"],
    "size_max": ["1000000000000"],
    "created_from": ["2025-03-17T12:00:00+00:00"],
    "created_before": ["2026-01-01"],
    "updated_from": ["2025-01-01"],
    "account": ["a", "b"],
    "retention": ["permanent"],
    "tag": ["оплачено & c"],
    "attribute": ["pages>=10", "!signed", "customer.name=Almaz"],
}


def profile_of(url: str) -> Profile:
    return Profile(url, url, url, "id", "secret")


async def asked_by(script: Script, call: Any) -> tuple[Any, list[Request]]:
    """What a call gives, or raises, and what it asked."""
    async with (
        scripted(script) as server,
        AsyncClient(profile_of(server.url), retries=QUICK) as client,
    ):
        try:
            return await call(client), server.requests
        except Exception as error:  # noqa: BLE001 - the outcome, whatever it is, is what the test looks at
            return error, server.requests


def one_page(request: Request) -> Reply:
    return Reply.of({"items": [HIT], "next_cursor": None})


AS_BODY: dict[str, Any] = {
    **AS_PARAMETERS,
    "mode": "exact",
    "sort": "-size",
    "size_min": 0,
    "size_max": 10**12,
    "created_from": "2025-03-17T12:00:00+00:00",
    "created_before": "2026-01-01",
    "updated_from": "2025-01-01",
}


class TestArchive:
    """The archive itself is in ``test_archives``."""

    async def asked(self, tmp_path: Path, **asked: Any) -> Any:
        async def call(client: AsyncClient) -> Any:
            return await client.archives.download(tmp_path, **asked)

        outcome, (request,) = await asked_by(lambda _: Reply.problem("invalid-parameter", 422), call)
        assert isinstance(outcome, Rejected)
        return json.loads(request.body)

    async def test_asks_as_a_search_does(self, tmp_path: Path) -> None:
        body = await self.asked(tmp_path, q="договор -x", **EVERYTHING)
        assert body == {**AS_BODY, "q": "договор -x", "partial": False}
        NewArchive.model_validate(body)

    async def test_asks_for_nothing_that_was_not_said(self, tmp_path: Path) -> None:
        account = uuid4()
        body = await self.asked(tmp_path, account_id=account, tag=None, partial=True)
        assert body == {"account_id": [str(account)], "partial": True}


class TestSearch:
    async def test_asks_by_the_names_of_the_parameters(self) -> None:
        async def call(client: AsyncClient) -> list[Any]:
            return [hit async for hit in client.search("договор -x", highlight=True, limit=5, **EVERYTHING)]

        (hit,), (request,) = await asked_by(one_page, call)
        beside = {"q": ["договор -x"], "corrections": ["false"], "limit": ["5"], "highlight": ["true"]}
        assert request.asked == AS_PARAMETERS | beside
        assert hit.highlights[0].path == ["custom_attributes", "0", 0]
        assert hit.highlights[0].parts[0].match

    async def test_asks_for_nothing_that_was_not_said(self) -> None:
        async def call(client: AsyncClient) -> Any:
            return [hit async for hit in client.search("x")], await client.search_page("x")

        _, (first, second) = await asked_by(one_page, call)
        assert first.asked == {"q": ["x"], "corrections": ["false"], "limit": ["100"]}
        assert second.asked == {"q": ["x"], "corrections": ["true"]}

    async def test_pages_tell_what_else_was_asked(self) -> None:
        def script(request: Request) -> Reply:
            return Reply.of(
                {
                    "items": [HIT],
                    "next_cursor": "c2",
                    "corrected": "договор",
                    "total": {"value": 12, "exact": False},
                    "facets": {"tag": {"values": [{"value": "paid", "count": 3}], "more": True}},
                    "faceted": {"value": 12, "all": True},
                }
            )

        async def call(client: AsyncClient) -> SearchAnswer:
            return await client.search_page(
                "догавор", limit=1, cursor="c1", total=True, facet=["tag", "type"], tag=["a"]
            )

        page, (request,) = await asked_by(script, call)
        assert request.asked == {
            "q": ["догавор"],
            "limit": ["1"],
            "cursor": ["c1"],
            "corrections": ["true"],
            "total": ["true"],
            "facet": ["tag", "type"],
            "tag": ["a"],
        }
        assert (page.corrected, page.next_cursor, page.total.value) == ("договор", "c2", 12)
        assert page.facets["tag"].values[0].count == 3
        assert page.faceted.all

    async def test_an_option_that_is_refused(self) -> None:
        async def call(client: AsyncClient) -> None:
            await client.search_page("x", sort="backwards")

        error, _ = await asked_by(lambda request: Reply.problem("invalid-parameter", 400), call)
        assert isinstance(error, Rejected)


class TestExport:
    async def test_into_a_file(self, tmp_path: Path) -> None:
        to = tmp_path / "found.csv"
        to.write_bytes(b"before")
        told: list[int] = []

        async def call(client: AsyncClient) -> None:
            await client.export(
                to,
                "договор",
                for_spreadsheets=True,
                progress=lambda done, size: told.append(done),
                **EVERYTHING,
            )

        outcome, (request,) = await asked_by(lambda request: Reply(body=b"a,b\r\n" * 1000), call)
        assert outcome is None
        assert request.path == "/api/v1/search/export"
        beside = {"q": ["договор"], "format": ["csv"], "for_spreadsheets": ["true"]}
        assert request.asked == AS_PARAMETERS | beside
        assert to.read_bytes() == b"a,b\r\n" * 1000
        assert told[-1] == 5000
        assert list(tmp_path.iterdir()) == [to]

    async def test_into_what_is_open(self) -> None:
        to = BytesIO()

        async def call(client: AsyncClient) -> None:
            await client.export(to, format="jsonl")

        _, (request,) = await asked_by(lambda request: Reply(body=b"{}\n"), call)
        assert request.asked == {"format": ["jsonl"]}
        assert to.getvalue() == b"{}\n"

    async def test_into_what_is_no_file(self, tmp_path: Path) -> None:
        """A pipe is written to; a folder is refused."""
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)

        async def call(client: AsyncClient) -> bytes:
            reading = asyncio.create_task(asyncio.to_thread(pipe.read_bytes))
            await client.export(pipe)
            return await reading

        assert (await asked_by(lambda request: Reply(body=b"a\r\n"), call))[0] == b"a\r\n"
        assert pipe.is_fifo()

        (tmp_path / "link").symlink_to(tmp_path / "found.csv")
        await asked_by(lambda request: Reply(body=b"a"), lambda client: client.export(tmp_path / "link"))
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "found.csv").read_bytes() == b"a"

        async def into_folder(client: AsyncClient) -> None:
            await client.export(tmp_path)

        error, requests = await asked_by(lambda request: Reply(body=b"a\r\n"), into_folder)
        assert isinstance(error, IsADirectoryError)
        assert requests == []

    @pytest.mark.parametrize(
        "reply",
        [Reply(body=b"a\r\n" * 10_000, cut=20_000), Reply.problem("dependency-unavailable", 503)],
    )
    async def test_that_breaks_leaves_what_was_there(self, tmp_path: Path, reply: Reply) -> None:
        to = tmp_path / "found.csv"
        to.write_bytes(b"before")

        async def call(client: AsyncClient) -> None:
            await client.export(to)

        error, _ = await asked_by(lambda request: reply, call)
        assert isinstance(error, Unavailable)
        assert to.read_bytes() == b"before"
        assert list(tmp_path.iterdir()) == [to]


async def test_the_synchronous_client_does_the_same(tmp_path: Path) -> None:
    def script(request: Request) -> Reply:
        return Reply(body=b"x") if request.path.endswith("/export") else one_page(request)

    def use(client: Client) -> None:
        assert len(list(client.search("x", highlight=True, **EVERYTHING))) == 1
        assert len(client.search_page("x", total=True, facet=["tag"], **EVERYTHING).items) == 1
        client.export(tmp_path / "found", "x", format="jsonl", **EVERYTHING)
        assert (tmp_path / "found").read_bytes() == b"x"

    async with scripted(script) as server:
        with Client(profile_of(server.url), retries=QUICK) as client:
            await asyncio.to_thread(use, client)
        for request in server.requests:
            assert request.asked | AS_PARAMETERS == request.asked
