"""Resumable uploads through the Ingester: what tus 1.0 says, whose uploads they are, what is refused."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from artstore.kernel.access.claims import LEEWAY_SECONDS
from artstore.wire.resumable import EXTENSIONS
from tests.support.elements import problem
from tests.support.system import Account, RunningSystem, eventually
from tests.support.tus import VERSION, Tus, checksum, metadata

CONTENT = hashlib.shake_128(b"content").digest(3_000_000)


@pytest.fixture
def tus(account: Account) -> Tus:
    return Tus(account)


class TestProtocol:
    async def test_options_need_no_token(self, tus: Tus, account: Account) -> None:
        async with account.anonymous() as http:
            for url in (tus.endpoint, f"{tus.endpoint}/rw-01.{'0' * 32}"):
                answer = await http.options(url)
                assert answer.status_code == 204
                assert answer.headers["Tus-Version"] == "1.0.0"
                assert answer.headers["Tus-Extension"] == ",".join(EXTENSIONS)
                assert int(answer.headers["Tus-Max-Size"]) == 10 * 1024**3
                assert answer.headers["Tus-Checksum-Algorithm"] == "sha256,sha1"

    async def test_the_way_of_a_document(self, tus: Tus, account: Account) -> None:
        url = await tus.create(len(CONTENT), "отчёт.bin", tags="a,b", custom_attributes='{"year": 2026}')
        answer = await tus.patch(url, 0, CONTENT[:1_000_000])
        assert answer.status_code == 204
        assert answer.headers["Upload-Offset"] == "1000000"
        assert answer.headers["Tus-Resumable"] == "1.0.0"
        assert "Upload-Expires" in answer.headers
        head = await tus.head(url)
        assert head.headers["Upload-Length"] == str(len(CONTENT))
        assert head.headers["Cache-Control"] == "no-store"
        assert head.headers["Upload-Metadata"].startswith("filename ")
        answer = await tus.patch(url, 1_000_000, CONTENT[1_000_000:])
        assert answer.status_code == 204
        document = await tus.document(url)
        assert document["file_id"] == answer.headers["ArtStore-File-Id"]
        assert document["checksum"] == hashlib.sha256(CONTENT).hexdigest()
        assert (document["original_filename"], document["tags"]) == ("отчёт.bin", ["a", "b"])
        assert document["custom_attributes"] == {"year": 2026}
        assert document["created_by_username"] == account.name
        assert (await account.download(document["file_id"])).content == CONTENT

    async def test_a_temporary_document_lies_where_it_can_be_deleted(self, tus: Tus) -> None:
        url = await tus.create(4, retention_policy="temporary", content=b"text")
        assert "/edit-" in url
        assert (await tus.document(url))["retention_policy"] == "temporary"

    async def test_bytes_may_come_with_the_creation(self, tus: Tus) -> None:
        url = await tus.create(10, content=b"01234")
        assert await tus.offset(url) == 5
        assert (await tus.patch(url, 5, b"56789")).status_code == 204
        assert await tus.content(url) == b"0123456789"

    async def test_length_told_late(self, tus: Tus) -> None:
        url = await tus.create(None)
        assert (await tus.patch(url, 0, b"01234")).status_code == 204
        assert (await tus.head(url)).headers["Upload-Defer-Length"] == "1"
        assert (await tus.patch(url, 5, b"56789", {"Upload-Length": "10"})).status_code == 204
        assert await tus.content(url) == b"0123456789"

    async def test_the_last_piece_again(self, tus: Tus) -> None:
        url = await tus.create(4, content=b"text")
        first = (await tus.document(url))["file_id"]
        answer = await tus.patch(url, 4, b"")
        assert (answer.status_code, answer.headers["ArtStore-File-Id"]) == (204, first)
        answer = await tus.patch(url, 0, b"text")
        problem(answer, "offset-mismatch", 409)
        assert answer.headers["Upload-Offset"] == "4"

    async def test_checksums(self, tus: Tus) -> None:
        url = await tus.create(10)
        assert (await tus.patch(url, 0, b"01234", checksum("sha1", b"01234"))).status_code == 204
        answer = await tus.patch(url, 5, b"damag", checksum("sha256", b"56789"))
        problem(answer, "checksum-mismatch", 460)
        assert await tus.offset(url) == 5
        assert (await tus.patch(url, 5, b"56789", checksum("sha256", b"56789"))).status_code == 204
        assert await tus.content(url) == b"0123456789"

    async def test_termination(self, tus: Tus) -> None:
        url = await tus.create(10, content=b"01234")
        assert (await tus.ask("DELETE", url)).status_code == 204
        for method in ("HEAD", "PATCH", "DELETE"):
            assert (await tus.ask(method, url)).status_code == 404
        complete = await tus.create(4, content=b"text")
        problem(await tus.ask("DELETE", complete), "conflict", 409)
        assert await tus.content(complete) == b"text"

    async def test_a_body_where_none_belongs(self, tus: Tus) -> None:
        url = await tus.create(4, content=b"te")
        for method in ("GET", "HEAD"):
            answer = await tus.ask(method, url, content=b"x" * 1000)
            assert answer.status_code in (200, 413)
        assert (await tus.post({"Upload-Length": "1", "Upload-Concat": "partial"})).status_code == 201
        plain = {"Upload-Length": "4", "Upload-Concat": "partial", "Content-Type": "text/plain"}
        answer = await tus.ask("POST", tus.endpoint, plain, content=b"text")
        assert (answer.status_code, answer.headers["Upload-Offset"]) == (201, "0")
        assert (await tus.patch(url, 2, b"xt")).status_code == 204
        assert await tus.content(url) == b"text"

    async def test_method_override(self, tus: Tus) -> None:
        url = await tus.create(4)
        headers = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
        answer = await tus.ask("POST", url, {**headers, "X-HTTP-Method-Override": "PATCH"}, content=b"text")
        assert answer.status_code == 204
        assert await tus.content(url) == b"text"
        problem(await tus.ask("POST", url), "invalid-request", 400)


class TestConcatenation:
    async def part(self, tus: Tus, content: bytes, **values: str) -> str:
        headers = {"Upload-Concat": "partial", "Upload-Length": str(len(content))}
        answer = await tus.post(headers | {"Upload-Metadata": metadata(**values)}, content)
        assert answer.status_code == 201, answer.text
        return str(answer.headers["Location"])

    async def test_parts_become_one_document_once(self, tus: Tus) -> None:
        parts = [await self.part(tus, b"0123"), await self.part(tus, b"456"), await self.part(tus, b"789")]
        final = {
            "Upload-Concat": f"final;{parts[0]} {tus.base}{parts[1]} {parts[2]}",
            "Upload-Metadata": metadata(filename="whole.txt"),
        }
        assert (await tus.head(tus.base + parts[0])).headers["Upload-Concat"] == "partial"
        answers = [*await asyncio.gather(tus.post(final), tus.post(final)), await tus.post(final)]
        assert [answer.status_code for answer in answers] == [201] * 3, answers[-1].text
        [location] = {answer.headers["Location"] for answer in answers}
        url = tus.base + location
        assert await tus.content(url) == b"0123456789"
        head = await tus.head(url)
        assert head.headers["Upload-Concat"] == f"final;{' '.join(parts)}"
        assert head.headers["Upload-Length"] == "10"
        problem(await tus.patch(url, 0, b"more"), "not-permitted", 403)

    async def test_of_fewer_bytes_than_parts(self, tus: Tus) -> None:
        told = {"Upload-Metadata": metadata(filename="short.txt")}
        headers = {"Upload-Concat": "partial", "Upload-Length": "0"}
        late = await tus.post({"Upload-Concat": "partial", "Upload-Defer-Length": "1"})
        empty = [str((await tus.post(headers)).headers["Location"]), str(late.headers["Location"])]
        assert (await tus.patch(tus.base + empty[1], 0, b"", {"Upload-Length": "0"})).status_code == 204
        assert await tus.offset(tus.base + empty[0]) == 0
        problem(await tus.post({"Upload-Concat": f"final;{' '.join(empty)}"} | told), "file-empty", 400)
        parts = [empty[0], await self.part(tus, b"x"), empty[1]]
        answer = await tus.post({"Upload-Concat": f"final;{' '.join(parts)}"} | told)
        assert answer.status_code == 201, answer.text
        assert await tus.content(tus.base + answer.headers["Location"]) == b"x"

    async def test_of_another_retention(self, tus: Tus) -> None:
        parts = [await self.part(tus, b"0123", retention_policy="temporary")]
        final = {"Upload-Concat": f"final;{parts[0]}"}
        answer = await tus.post(final | {"Upload-Metadata": metadata(filename="x")})
        assert problem(answer, "invalid-parameter", 422)["field"] == "retention_policy"
        told = {"Upload-Metadata": metadata(filename="x", retention_policy="temporary")}
        assert (await tus.post(final | told)).status_code == 201

    async def test_parts_of_different_elements_and_of_none(self, tus: Tus) -> None:
        one = await self.part(tus, b"0123", retention_policy="temporary")
        other = await self.part(tus, b"0123")
        told = {"Upload-Metadata": metadata(filename="x")}
        answer = await tus.post({"Upload-Concat": f"final;{one} {other}"} | told)
        problem(answer, "invalid-parameter", 422)
        missing = f"/api/v1/uploads/rw-01.{'0' * 32}"
        problem(await tus.post({"Upload-Concat": f"final;{missing}"} | told), "not-found", 404)

    async def test_unfinished_and_foreign_parts(self, tus: Tus, other_account: Account) -> None:
        answer = await tus.post({"Upload-Concat": "partial", "Upload-Length": "10"}, b"01234")
        told = {"Upload-Metadata": metadata(filename="x")}
        unfinished = {"Upload-Concat": f"final;{answer.headers['Location']}"} | told
        problem(await tus.post(unfinished), "invalid-parameter", 422)
        whole = {"Upload-Concat": f"final;{await self.part(tus, b'0123')}"} | told
        problem(await Tus(other_account).post(whole), "not-found", 404)


class TestAccess:
    async def test_another_account_finds_nothing(
        self, tus: Tus, other_account: Account, admin: Account, readonly: Account
    ) -> None:
        url = await tus.create(10, content=b"01234")
        for stranger in (Tus(other_account), Tus(admin)):
            assert (await stranger.head(url)).status_code == 404
            problem(await stranger.account.http.get(url), "not-found", 404)
            problem(await stranger.patch(url, 5, b"56789"), "not-found", 404)
            problem(await stranger.ask("DELETE", url), "not-found", 404)
        problem(await Tus(readonly).patch(url, 5, b"56789"), "insufficient-scope", 403)
        assert (await tus.patch(url, 5, b"56789")).status_code == 204
        assert await tus.content(url) == b"0123456789"

    async def test_what_is_guessed_is_not_there(self, tus: Tus) -> None:
        zeros = "0" * 32
        for name in (f"rw-01.{zeros}", f"nowhere.{zeros}", "rw-01", "rw-01.x", "%00", f"rw-01.{'A' * 32}"):
            assert (await tus.head(f"{tus.endpoint}/{name}")).status_code == 404

    async def test_addresses_do_not_follow_from_one_another(self, tus: Tus) -> None:
        ids = [(await tus.create(1)).rpartition(".")[2] for _ in range(4)]
        assert all(len(each) == 32 for each in ids)
        assert len({each[:16] for each in ids}) == 4

    async def test_a_token_that_ends_in_the_middle(
        self, tus: Tus, account: Account, system: RunningSystem
    ) -> None:
        """The bytes stay, and a fresh token of the same account goes on from where it was."""
        ended = asyncio.Event()

        async def slowly() -> AsyncIterator[bytes]:
            yield CONTENT[:2_000_000]
            await ended.wait()
            yield CONTENT[2_000_000:]

        url = await tus.create(len(CONTENT))
        fresh = account.http.headers["Authorization"]
        soon = int(time.time()) - LEEWAY_SECONDS + 15
        account.http.headers["Authorization"] = f"Bearer {system.signed_token(account, exp=soon)}"
        sending = asyncio.create_task(tus.patch(url, 0, slowly(), {"Content-Length": str(len(CONTENT))}))
        await bytes_came(tus, url)

        async def refused() -> bool:
            return (await account.http.get(f"{tus.base}/api/v1/uploads/x")).status_code == 401

        await eventually(refused, "the token does not end")
        ended.set()
        problem(await sending, "unauthenticated", 401)
        account.http.headers["Authorization"] = fresh
        assert await tus.offset(url) == len(CONTENT)
        assert await tus.content(url) == CONTENT


class TestRefusals:
    async def test_at_the_creation(self, tus: Tus) -> None:
        wrong: list[tuple[dict[str, str], str, int]] = [
            ({"Upload-Length": "0"}, "file-empty", 400),
            ({}, "invalid-request", 400),
            ({"Upload-Length": "1", "Upload-Defer-Length": "1"}, "invalid-request", 400),
            ({"Upload-Length": "-1"}, "invalid-request", 400),
            ({"Upload-Length": str(11 * 1024**3)}, "file-too-large", 413),
            ({"Upload-Length": "1", "Upload-Concat": "other"}, "invalid-request", 400),
            ({"Upload-Concat": "final;"}, "invalid-request", 400),
            ({"Upload-Length": "1", "Upload-Metadata": "filename !"}, "invalid-request", 400),
            ({"Upload-Length": "1", "Upload-Metadata": "filename"}, "file-missing", 400),
            ({"Upload-Length": "1", "Upload-Metadata": ""}, "file-missing", 400),
            ({"Upload-Length": "1", "Upload-Metadata": metadata(filename="a/b")}, "invalid-filename", 422),
            (
                {"Upload-Length": "1", "Upload-Metadata": metadata(filename="a", owner="b")},
                "invalid-parameter",
                422,
            ),
            (
                {"Upload-Length": "1", "Upload-Metadata": metadata(filename="a", retention_policy="b")},
                "invalid-parameter",
                422,
            ),
            (
                {"Upload-Length": "1", "Upload-Metadata": metadata(filename="a", custom_attributes="[]")},
                "invalid-attributes",
                422,
            ),
            (
                {"Upload-Length": "1", "Upload-Metadata": metadata(filename="a", description="x" * 4000)},
                "attributes-too-large",
                422,
            ),
        ]
        for headers, slug, status in wrong:
            problem(await tus.post(headers), slug, status)

    async def test_another_version_of_tus(self, tus: Tus, account: Account) -> None:
        url = await tus.create(4)
        for asked in (
            account.http.post(tus.endpoint, headers={"Upload-Length": "1"}),
            account.http.patch(url, headers={"Tus-Resumable": "0.2.2"}, content=b"text"),
        ):
            answer = await asked
            problem(answer, "tus-version", 412)
            assert answer.headers["Tus-Version"] == "1.0.0"

    async def test_pieces(self, tus: Tus) -> None:
        url = await tus.create(4)
        wrong: list[tuple[dict[str, Any], str, int]] = [
            ({"Content-Type": "text/plain"}, "unsupported-media-type", 415),
            ({"Upload-Offset": "x"}, "invalid-request", 400),
            ({"Upload-Offset": "1"}, "offset-mismatch", 409),
            ({"Upload-Length": "0"}, "file-empty", 400),
            ({"Upload-Length": "5"}, "not-permitted", 403),
            ({"Upload-Checksum": "md5 eHh4"}, "invalid-request", 400),
            ({"Upload-Checksum": "sha1 !"}, "invalid-request", 400),
            ({"Upload-Checksum": "sha1 eHh4"}, "invalid-request", 400),
        ]
        for headers, slug, status in wrong:
            problem(await tus.patch(url, 0, b"text", headers), slug, status)
        told = problem(await tus.patch(url, 0, b"longer"), "file-too-large", 413)
        assert "that the upload was said to have" in told["detail"]
        headers = {**VERSION, "Content-Type": "application/offset+octet-stream"}
        problem(await tus.account.http.patch(url, content=b"text", headers=headers), "invalid-request", 400)
        assert (await tus.patch(url, 0, b"text")).status_code == 204
        assert await tus.content(url) == b"text"


async def bytes_came(tus: Tus, url: str) -> None:
    """Until the element has some of the upload: what was sent is not yet what has come."""
    staging, name = tus.account.system.root("rw-01") / "staging", url.rpartition(".")[2]
    await eventually(
        lambda: any(part.stat().st_size > 0 for part in staging.glob(f"{name}*.part")),
        "nothing comes to the element",
    )


async def test_one_of_two_that_go_on_at_once_does(tus: Tus) -> None:
    """Whoever comes second takes over what the first has got."""
    came, over = asyncio.Event(), asyncio.Event()

    async def hanging() -> AsyncIterator[bytes]:
        yield CONTENT[:2_000_000]
        came.set()
        await over.wait()
        yield CONTENT[2_000_000:]

    url = await tus.create(len(CONTENT))
    old = asyncio.create_task(tus.patch(url, 0, hanging(), {"Content-Length": str(len(CONTENT))}))
    await came.wait()
    await bytes_came(tus, url)  # only then does the second take anything over
    offset = await tus.offset(url)
    assert (await tus.patch(url, offset, CONTENT[offset:])).status_code == 204
    over.set()
    problem(await old, "upload-busy", 423)
    assert await tus.content(url) == CONTENT
