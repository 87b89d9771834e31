"""The client over real HTTP against a server that misbehaves on demand."""

import asyncio
import hashlib
import os
import socket
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from artstore.sdk import AsyncClient, Client, Profile
from artstore.sdk.errors import (
    Conflict,
    Damaged,
    NotFound,
    ServiceFailed,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)
from artstore.sdk.retries import Retries
from tests.support.ports import free_port
from tests.support.scripted import Reply, Request, Script, ScriptedServer, scripted

QUICK = Retries(attempts=3, first_wait=0.01, longest_wait=0.5)
FILE_ID = "0193a5b0-7c1e-7000-8000-5a3f1b2c4d5e"
CONTENT = b"".join(hashlib.sha256(bytes([n])).digest() for n in range(256)) * 400  # 3.2 MB
UPLOAD = "/api/v1/files/upload"
INFO = f"/api/v1/files/{FILE_ID}"
DOWNLOAD = f"{INFO}/download"
BROKEN = Reply(body=b"{}", cut=0)


def attributes(content: bytes = CONTENT, **members: Any) -> dict[str, Any]:
    at = datetime(2026, 11, 23, tzinfo=UTC).isoformat()
    return {
        "file_id": FILE_ID,
        "original_filename": "report.bin",
        "file_size": len(content),
        "content_type": "application/octet-stream",
        "checksum": hashlib.sha256(content).hexdigest(),
        "created_at": at,
        "updated_at": at,
        "created_by_id": "a",
        "created_by_username": "somebody",
        **members,
    }


def client_of(server: ScriptedServer, **options: Any) -> AsyncClient:
    profile = Profile(server.url, server.url, server.url, "id", "secret")
    return AsyncClient(profile, **{"retries": QUICK, **options})


async def ask(script: Script, call: Callable[[AsyncClient], Awaitable[Any]]) -> tuple[Any, ScriptedServer]:
    """Lets a client call a server that follows the script."""
    async with scripted(script) as server, client_of(server) as client:
        try:
            return await call(client), server
        except Exception as error:  # noqa: BLE001 - the outcome, whatever it is, is what the test looks at
            return error, server


async def info(client: AsyncClient) -> Any:
    return await client.info(FILE_ID)


class TestTokens:
    async def test_one_token_for_many_calls(self) -> None:
        async with scripted(lambda request: Reply.of(attributes())) as server, client_of(server) as client:
            await asyncio.gather(*(info(client) for _ in range(10)))
            assert server.tokens == 1
            assert {request.headers["authorization"] for request in server.requests} == {"Bearer t1"}

    async def test_a_refused_token_is_replaced_once(self) -> None:
        def script(request: Request) -> Reply:
            if request.headers["authorization"] == "Bearer t1":
                return Reply.problem("unauthenticated", 401)
            return Reply.of(attributes())

        found, server = await ask(script, info)
        assert str(found.file_id) == FILE_ID
        assert server.tokens == 2

    async def test_a_second_refusal_is_an_error(self) -> None:
        error, server = await ask(lambda request: Reply.problem("unauthenticated", 401), info)
        assert isinstance(error, Unauthenticated)
        assert server.tokens == 2
        assert len(server.requests) == 2

    async def test_one_too_many_is_asked_for_again(self) -> None:
        async with scripted(lambda request: Reply.of(attributes())) as server, client_of(server) as client:
            server.refuse_tokens = [too_many(after=0)]
            assert str((await info(client)).file_id) == FILE_ID
            assert server.tokens == 2

    async def test_one_too_many_for_long_is_an_error(self) -> None:
        async with scripted(lambda request: Reply.of(attributes())) as server, client_of(server) as client:
            server.refuse_tokens = [too_many(after=60)]
            with pytest.raises(TooManyRequests, match="made its 100 requests") as raised:
                await info(client)
            assert raised.value.retry_after == 60
            assert server.tokens == 1


def too_many(*, after: int) -> Reply:
    """As Admin refuses a client that asks too often: an error of OAuth."""
    body = {
        "error": "temporarily_unavailable",
        "error_description": "The account has made its 100 requests of the last minute.",
    }
    return Reply.of(body, 429, **{"Retry-After": str(after)})


class TestRetries:
    @pytest.mark.parametrize("first", [Reply.problem("dependency-unavailable", 503), BROKEN])
    async def test_a_get_is_repeated(self, first: Reply) -> None:
        replies = [first, Reply.of(attributes())]
        found, server = await ask(lambda request: replies.pop(0), info)
        assert str(found.file_id) == FILE_ID
        assert len(server.requests) == 2

    async def test_retry_after_is_heeded(self) -> None:
        replies = [
            Reply.problem("dependency-unavailable", 503, **{"Retry-After": "0"}),
            Reply.problem("dependency-unavailable", 503, **{"Retry-After": "60"}),
        ]
        error, server = await ask(lambda request: replies.pop(0), info)
        assert isinstance(error, Unavailable)
        assert error.retry_after == 60
        assert len(server.requests) == 2

    async def test_it_ends(self) -> None:
        error, server = await ask(lambda request: Reply.problem("element-unavailable", 503), info)
        assert isinstance(error, Unavailable)
        assert len(server.requests) == QUICK.attempts

    @pytest.mark.parametrize("reply", [Reply.problem("dependency-unavailable", 503), BROKEN])
    async def test_what_changes_something_is_never_repeated(self, reply: Reply) -> None:
        error, server = await ask(lambda request: reply, lambda client: client.create_account("billing"))
        assert isinstance(error, Unavailable)
        assert len(server.requests) == 1

    @pytest.mark.parametrize("first", [Reply.problem("element-unavailable", 503), BROKEN])
    async def test_an_upload_is_repeated_with_its_key(self, first: Reply, tmp_path: Path) -> None:
        for content in (b"x", tmp_path / "x"):
            (tmp_path / "x").write_bytes(b"x")
            replies = [first, Reply.of(attributes(b"x"), 201), Reply.of(attributes(b"x"), 201)]

            async def twice(client: AsyncClient, content: Any = content) -> Any:
                await client.upload(content, filename="x")
                return await client.upload(content, filename="x")

            document, server = await ask(lambda request, replies=replies: replies.pop(0), twice)  # type: ignore[misc]
            assert str(document.file_id) == FILE_ID
            broken, again, other = (request.headers["idempotency-key"] for request in server.requests)
            assert broken == again != other

    async def test_a_key_can_be_given(self) -> None:
        _, server = await ask(
            lambda request: Reply.of(attributes(b"x"), 201),
            lambda client: client.upload(b"x", filename="x", idempotency_key="mine"),
        )
        assert server.requests[0].headers["idempotency-key"] == "mine"

    async def test_what_was_one_too_many_is_repeated_since_nothing_was_done(self) -> None:
        replies = [
            Reply.problem("rate-limited", 429, **{"Retry-After": "0"}),
            Reply.of(attributes(b"x"), 201),
        ]
        document, server = await ask(
            lambda request: replies.pop(0), lambda client: client.upload(b"x", filename="x")
        )
        assert str(document.file_id) == FILE_ID
        assert len(server.requests) == 2
        assert server.requests[0].body == server.requests[1].body

    async def test_what_was_one_too_many_is_not_waited_for_long(self) -> None:
        reply = Reply.problem("rate-limited", 429, **{"Retry-After": "30"})
        error, server = await ask(lambda request: reply, info)
        assert isinstance(error, TooManyRequests)
        assert error.retry_after == 30
        assert len(server.requests) == 1

    async def test_what_cannot_be_sent_again_is_not_repeated(self) -> None:
        reading, writing = os.pipe()
        os.write(writing, b"once")
        os.close(writing)
        reply = Reply.problem("rate-limited", 429, **{"Retry-After": "0"})
        with os.fdopen(reading, "rb") as pipe:
            error, server = await ask(lambda request: reply, lambda client: client.upload(pipe, filename="x"))
        assert isinstance(error, TooManyRequests)
        assert len(server.requests) == 1
        assert "idempotency-key" not in server.requests[0].headers

    async def test_other_errors_are_not_repeated(self) -> None:
        error, server = await ask(lambda request: Reply.problem("not-found", 404), info)
        assert isinstance(error, NotFound)
        assert error.request_id == "r-1"
        assert len(server.requests) == 1

    async def test_a_refused_connection_is_tried_again_even_for_an_upload(self, tmp_path: Path) -> None:
        content = b"kept until somebody listens"
        port = free_port()
        async with scripted(lambda request: Reply.of(attributes(content), 201)) as server:
            profile = Profile(server.url, f"http://127.0.0.1:{port}", server.url, "id", "secret")
            patient = Retries(attempts=50, first_wait=0.02, longest_wait=0.05)
            async with AsyncClient(profile, retries=patient) as client:
                uploading = asyncio.create_task(client.upload(content, filename="x"))
                await server.token_given.wait()
                late = await asyncio.start_server(server._serve, "127.0.0.1", port)
                document = await uploading
                late.close()
        assert document.file_size == len(content)
        assert content in server.requests[0].body

    async def test_nobody_there(self) -> None:
        with socket.socket() as place:
            place.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{place.getsockname()[1]}"
            async with AsyncClient(Profile(url, url, url, "id", "s"), retries=QUICK) as client:
                with pytest.raises(Unavailable, match="cannot be reached"):
                    await client.info(FILE_ID)


class TestUpload:
    async def test_length_is_known_and_progress_told(self, tmp_path: Path) -> None:
        path = tmp_path / "отчёт.bin"
        path.write_bytes(CONTENT)
        told: list[tuple[int, int | None]] = []

        async def upload(client: AsyncClient) -> Any:
            return await client.upload(path, tags=["a", "b"], progress=lambda *now: told.append(now))

        document, server = await ask(lambda request: Reply.of(attributes(), 201), upload)
        assert document.original_filename == "report.bin"
        (request,) = server.requests
        assert request.path == UPLOAD
        assert int(request.headers["content-length"]) == len(request.body)
        assert CONTENT in request.body
        assert request.body.index(b'name="tags"') < request.body.index(b'name="file"')
        assert told[-1] == (len(CONTENT), len(CONTENT))

    async def test_a_stream_without_a_length(self) -> None:
        reading, writing = os.pipe()
        os.write(writing, b"streamed")
        os.close(writing)
        with os.fdopen(reading, "rb") as file:
            document, server = await ask(
                lambda request: Reply.of(attributes(b"streamed"), 201),
                lambda client: client.upload(file, filename="stream"),
            )
        assert document.file_size == 8
        assert server.requests[0].headers["transfer-encoding"] == "chunked"

    async def test_bytes_that_arrived_damaged(self) -> None:
        error, _ = await ask(
            lambda request: Reply.of(attributes(b"something else"), 201),
            lambda client: client.upload(b"what was sent", filename="x"),
        )
        assert isinstance(error, Damaged)
        assert FILE_ID in str(error)

    async def test_refused_before_the_body_came(self) -> None:
        async with scripted(lambda request: Reply()) as server, client_of(server) as client:
            server.refuse_early = Reply.problem("file-too-large", 413)
            with pytest.raises(TooLarge, match="about file-too-large"):
                await client.upload(CONTENT * 20, filename="x")

    async def test_a_refused_token_is_replaced_where_the_content_can_be_read_again(self) -> None:
        def script(request: Request) -> Reply:
            if request.headers["authorization"] == "Bearer t1":
                return Reply.problem("unauthenticated", 401)
            return Reply.of(attributes(b"content"), 201)

        document, server = await ask(script, lambda client: client.upload(BytesIO(b"content"), filename="x"))
        assert document.file_size == 7
        assert b"content" in server.requests[1].body

    async def test_content_needs_a_name(self) -> None:
        error, server = await ask(lambda request: Reply(), lambda client: client.upload(b"x"))
        assert isinstance(error, ValueError)
        assert server.requests == []

    async def test_an_answer_that_is_none(self) -> None:
        error, _ = await ask(
            lambda request: Reply(200, b"<html>"), lambda client: client.upload(b"x", filename="x")
        )
        assert isinstance(error, ServiceFailed)


class Store:
    """Answers downloads as Query does, breaking connections as told."""

    def __init__(self, content: bytes = CONTENT, *, cuts: list[int] | None = None, flip: int = 0) -> None:
        self.content = content
        self.cuts = cuts or []
        self.flip = flip
        """How many of the next answers carry a wrong byte."""

    def __call__(self, request: Request) -> Reply:
        if request.path == INFO:
            return Reply.of(attributes(self.content))
        tag = f'"{hashlib.sha256(self.content).hexdigest()}"'
        start = 0
        if request.headers.get("if-range") == tag:
            start = int(request.headers["range"].removeprefix("bytes=").removesuffix("-"))
        body = bytearray(self.content[start:])
        if self.flip:
            self.flip -= 1
            body[len(body) // 2] ^= 1
        cut = self.cuts.pop(0) if self.cuts else None
        return Reply(206 if start else 200, bytes(body), {"ETag": tag}, cut=cut)


def ranges(server: ScriptedServer) -> list[str | None]:
    return [request.headers.get("range") for request in server.requests if request.path == DOWNLOAD]


class TestDownload:
    async def test_into_a_file_and_into_a_folder(self, tmp_path: Path) -> None:
        async def download(client: AsyncClient) -> list[Path]:
            return [
                await client.download(FILE_ID, tmp_path / "copy"),
                await client.download(FILE_ID, tmp_path),
                await client.download(FILE_ID, tmp_path),
            ]

        paths, server = await ask(Store(), download)
        assert [path.name for path in paths] == ["copy", "report.bin", "report.bin"]
        assert [path.read_bytes() == CONTENT for path in paths] == [True] * 3
        assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "report.bin"]
        assert len(ranges(server)) == 2  # what is there already is not fetched again

    async def test_nothing_is_replaced_in_a_folder(self, tmp_path: Path) -> None:
        (tmp_path / "report.bin").write_bytes(b"mine")
        path, _ = await ask(Store(), lambda client: client.download(FILE_ID, tmp_path))
        assert path.name == f"report.{FILE_ID}.bin"
        assert (tmp_path / "report.bin").read_bytes() == b"mine"

    async def test_a_name_does_not_lead_out_of_the_folder(self, tmp_path: Path) -> None:
        folder = tmp_path / "folder"
        folder.mkdir()
        for name in ("../../outside", "/etc/outside", ".."):

            def script(request: Request, name: str = name) -> Reply:
                if request.path == INFO:
                    return Reply.of(attributes(original_filename=name))
                return Store()(request)

            path, _ = await ask(script, lambda client: client.download(FILE_ID, folder))
            assert path.parent == folder
        assert list(tmp_path.iterdir()) == [folder]

    async def test_a_broken_connection_is_taken_up_again(self, tmp_path: Path) -> None:
        store = Store(cuts=[1_000_000, 0, 500_000, 700_000])
        path, server = await ask(store, lambda client: client.download(FILE_ID, tmp_path / "copy"))
        assert path.read_bytes() == CONTENT
        assert ranges(server)[0] is None
        assert len(ranges(server)) == 5
        assert ranges(server)[-1] == "bytes=2200000-"

    async def test_what_brings_nothing_ends(self, tmp_path: Path) -> None:
        store = Store(cuts=[1_000_000, *[0] * 10])
        error, server = await ask(store, lambda client: client.download(FILE_ID, tmp_path / "copy"))
        assert isinstance(error, Unavailable)
        assert not (tmp_path / "copy").exists()
        again, server = await ask(Store(), lambda client: client.download(FILE_ID, tmp_path / "copy"))
        assert again.read_bytes() == CONTENT
        assert ranges(server) == ["bytes=1000000-"]
        assert [path.name for path in tmp_path.iterdir()] == ["copy"]

    async def test_goes_on_from_a_file_that_is_a_beginning(self, tmp_path: Path) -> None:
        (tmp_path / "copy").write_bytes(CONTENT[:12345])
        path, server = await ask(Store(), lambda client: client.download(FILE_ID, tmp_path / "copy"))
        assert path.read_bytes() == CONTENT
        assert ranges(server) == ["bytes=12345-"]

    async def test_a_file_that_is_no_beginning_is_fetched_whole(self, tmp_path: Path) -> None:
        (tmp_path / "copy").write_bytes(b"something else")
        path, server = await ask(Store(), lambda client: client.download(FILE_ID, tmp_path / "copy"))
        assert path.read_bytes() == CONTENT
        assert ranges(server) == ["bytes=14-", None]

    async def test_damaged_bytes_never_become_the_file(self, tmp_path: Path) -> None:
        (tmp_path / "copy").write_bytes(b"mine")
        error, _ = await ask(Store(flip=2), lambda client: client.download(FILE_ID, tmp_path / "copy"))
        assert isinstance(error, Damaged)
        assert (tmp_path / "copy").read_bytes() == b"mine"
        assert [path.name for path in tmp_path.iterdir()] == ["copy"]

    async def test_a_server_without_ranges(self, tmp_path: Path) -> None:
        def script(request: Request) -> Reply:
            request.headers.pop("if-range", None)
            return store(request)

        store = Store(cuts=[1_000_000])
        path, _ = await ask(script, lambda client: client.download(FILE_ID, tmp_path / "copy"))
        assert path.read_bytes() == CONTENT

    async def test_a_pipe_is_written_to(self, tmp_path: Path) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        (tmp_path / "link").symlink_to(pipe)

        async def download(client: AsyncClient) -> bytes:
            reading = asyncio.create_task(asyncio.to_thread(pipe.read_bytes))
            await client.download(FILE_ID, tmp_path / "link")
            return await reading

        assert (await ask(Store(), download))[0] == CONTENT
        assert pipe.is_fifo()
        assert isinstance((await ask(Store(flip=1), download))[0], Damaged)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "pipe"]

    async def test_a_link_is_followed(self, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(tmp_path / "copy")
        await ask(Store(), lambda client: client.download(FILE_ID, tmp_path / "link"))
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "copy").read_bytes() == CONTENT

    async def test_stream(self) -> None:
        async def read(client: AsyncClient) -> bytes:
            async with client.stream(FILE_ID) as stream:
                assert stream.document.file_size == len(CONTENT)
                return await stream.read()

        content, _ = await ask(Store(), read)
        assert content == CONTENT
        assert isinstance((await ask(Store(flip=1), read))[0], Damaged)
        assert isinstance((await ask(Store(cuts=[1000]), read))[0], Unavailable)


class TestPages:
    @staticmethod
    def pages(request: Request) -> Reply:
        assert request.query["q"] == "all of them"
        start = int(request.query.get("cursor", 0))
        limit = min(int(request.query["limit"]), 100)
        items = [
            attributes(element_id="rw-01", file_id=f"0193a5b0-7c1e-7000-8000-{n:012d}")
            for n in range(start, min(start + limit, 250))
        ]
        following = str(start + limit) if start + limit < 250 else None
        return Reply.of({"items": items, "next_cursor": following})

    @pytest.mark.parametrize(
        ("limit", "count", "requests"), [(None, 250, 3), (150, 150, 2), (20, 20, 1), (0, 0, 0)]
    )
    async def test_search(self, limit: int | None, count: int, requests: int) -> None:
        async def search(client: AsyncClient) -> list[Any]:
            return [hit async for hit in client.search("all of them", limit=limit)]

        found, server = await ask(self.pages, search)
        assert len({hit.file_id for hit in found}) == count
        assert len(server.requests) == requests

    async def test_search_asks_nothing_else(self) -> None:
        async def search(client: AsyncClient) -> list[Any]:
            return [hit async for hit in client.search("all of them", limit=1)]

        _, server = await ask(self.pages, search)
        assert server.requests[0].query["corrections"] == "false"

    async def test_suggest(self) -> None:
        def script(request: Request) -> Reply:
            assert (request.path, request.query["q"]) == ("/api/v1/suggest", "до & c+")
            assert request.query.get("limit") == "5"
            return Reply.of({"items": [{"kind": request.query["kinds"], "text": "Договор"}]})

        async def suggest(client: AsyncClient) -> list[Any]:
            return [
                (one.kind.value, one.text) for one in await client.suggest("до & c+", kinds=["tag"], limit=5)
            ]

        assert (await ask(script, suggest))[0] == [("tag", "Договор")]

    async def test_versions(self) -> None:
        def script(request: Request) -> Reply:
            assert request.path == f"/api/v1/files/{FILE_ID}/versions"
            cursor = request.query.get("cursor")
            items = [attributes(element_id="rw-01", document_id=FILE_ID, version=cursor or "newest")]
            return Reply.of({"items": items, "next_cursor": None if cursor else "first"})

        async def versions(client: AsyncClient) -> list[Any]:
            return [(hit.version, str(hit.document_id)) async for hit in client.versions(FILE_ID)]

        found, _ = await ask(script, versions)
        assert found == [("newest", FILE_ID), ("first", FILE_ID)]


class TestSynchronous:
    """The same over a thread; what is inside is tested above."""

    async def test_every_method(self, tmp_path: Path) -> None:
        def script(request: Request) -> Reply:
            match request.method, request.path:
                case "GET", "/api/v1/search":
                    return TestPages.pages(request)
                case "POST", "/api/v1/service-accounts":
                    return Reply.problem("conflict", 409)
                case "GET", "/api/v1/service-accounts":
                    return Reply.of({"items": []})
                case "GET", "/api/v1/storage-elements":
                    return Reply.of({"items": []})
                case "POST", "/api/v1/files/upload":
                    return Reply.of(attributes(b"content"), 201)
            return Store()(request)

        def use(client: Client) -> None:
            assert client.upload(b"content", filename="x").file_size == 7
            assert len(list(client.search("all of them"))) == 250
            assert next(iter(client.search("all of them"))).element_id == "rw-01"
            assert str(client.info(FILE_ID).file_id) == FILE_ID
            assert client.download(FILE_ID, tmp_path / "copy").read_bytes() == CONTENT
            with client.stream(FILE_ID) as stream:
                assert b"".join(stream) == CONTENT
            with client.stream(FILE_ID) as stream:
                assert stream.read() == CONTENT
            with pytest.raises(Conflict):
                client.create_account("billing")
            assert list(client.list_accounts()) == []
            assert client.elements() == []
            client.close()
            client.close()

        async with scripted(script) as server:
            profile = Profile(server.url, server.url, server.url, "id", "secret")
            began = time.monotonic()
            await asyncio.to_thread(use, Client(profile, retries=QUICK))
            assert time.monotonic() - began < 60
