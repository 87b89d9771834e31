"""A system whose elements compress: what clients of every kind see of it, and what lies on disk."""

import gzip
import hashlib
import json
import os
import random
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import brotli
import httpx
import pytest

from artstore.launcher.settings import Element, SystemSettings
from artstore.sdk import AsyncClient, Profile
from artstore.wire.problems import ProblemType
from tests.support.byteranges import parts_of
from tests.support.elements import AtElement
from tests.support.finalization import begun, is_permanent
from tests.support.finalization import stored as stored_temporarily
from tests.support.system import Account, RunningSystem, eventually
from tests.support.tus import Tus

SMALL = b"number;name;amount\n" * 1000
LARGE = b"".join(b"%d;a line of a table;%d\n" % (line, line * 7919) for line in range(200_000))
COMPRESSION = "ARTSTORE_STORAGE_COMPRESSION"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    elements = (
        Element("edit-01", "edit", {COMPRESSION: "gzip"}),
        Element("rw-01", "rw", {COMPRESSION: "br"}),
    )
    settings = SystemSettings(default_ports={}, durable_database=False, elements=elements)
    system = RunningSystem(tmp_path_factory.mktemp("system"), settings)
    yield from system.for_a_while()


@pytest.fixture
async def account(system: RunningSystem) -> AsyncIterator[Account]:
    yield await system.create_account()
    await system.close_accounts()
    system.check_elements()


@pytest.fixture
async def client(account: Account) -> AsyncIterator[AsyncClient]:
    system = account.system
    profile = Profile(system.admin_url, system.ingester_url, system.query_url, *account.credentials)
    async with AsyncClient(profile) as client:
        yield client


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def digest(content: bytes) -> str:
    return f"sha-256=:{b64encode(hashlib.sha256(content).digest()).decode()}:"


async def stored(account: Account, content: bytes, name: str = "table.csv", **fields: Any) -> dict[str, Any]:
    answer = await account.upload(name, content, **fields)
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def raw(
    account: Account, url: str, *accept_encoding: str, **headers: str
) -> tuple[httpx.Response, bytes]:
    """The answer and its bytes as they came over the line."""
    asked = [("Accept-Encoding", each) for each in accept_encoding or [""]]
    request = account.http.build_request("GET", url, headers=[*asked, *headers.items()])
    answer = await account.http.send(request, stream=True)
    try:
        return answer, b"".join([chunk async for chunk in answer.aiter_raw()])
    finally:
        await answer.aclose()


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
class TestDownload:
    """By Query, and at the element that has the document; as it is acknowledged, and when it is filed."""

    @pytest.fixture
    async def document(self, account: Account, content: bytes) -> dict[str, Any]:
        return await stored(account, content)

    @pytest.fixture(params=["query", "element"])
    def url(self, request: pytest.FixtureRequest, system: RunningSystem, document: dict[str, Any]) -> str:
        base = system.query_url if request.param == "query" else system.element_urls["rw-01"]
        return f"{base}/api/v1/files/{document['file_id']}/download"

    async def test_the_original_bytes_without_a_word(
        self, account: Account, url: str, document: dict[str, Any], content: bytes
    ) -> None:
        assert document["content_encoding"] == "br"
        assert (document["file_size"], document["checksum"]) == (len(content), sha256(content))
        answer, body = await raw(account, url)
        assert (answer.status_code, body) == (200, content)
        assert "Content-Encoding" not in answer.headers
        assert answer.headers["Content-Length"] == str(len(content))
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert answer.headers["ETag"] == f'"{sha256(content)}"'
        assert answer.headers["Repr-Digest"] == digest(content)
        assert answer.headers["Accept-Ranges"] == "bytes"

    async def test_the_stored_ones_to_who_takes_them(
        self, account: Account, url: str, document: dict[str, Any], content: bytes
    ) -> None:
        answer, body = await raw(account, url, "gzip;q=0.5", "br")
        assert (answer.status_code, brotli.decompress(body)) == (200, content)
        assert answer.headers["Content-Encoding"] == "br"
        assert answer.headers["Content-Type"] == "text/csv"
        assert answer.headers["Content-Length"] == str(len(body)) == str(document["stored_size"])
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert answer.headers["ETag"] == f'"{document["stored_checksum"]}"' == f'"{sha256(body)}"'
        assert answer.headers["Repr-Digest"] == digest(body)
        assert answer.headers["Accept-Ranges"] == "none"

    async def test_head_says_the_same_as_get(self, account: Account, url: str) -> None:
        for accepted in ("", "br", "identity;q=0, *"):
            got, _ = await raw(account, url, accepted)
            head = await account.http.head(url, headers={"Accept-Encoding": accepted})
            names = ("ETag", "Content-Length", "Content-Encoding", "Repr-Digest", "Vary", "Accept-Ranges")
            assert {name: head.headers.get(name) for name in names} == {
                name: got.headers.get(name) for name in names
            }

    async def test_a_client_that_decodes_by_itself(self, account: Account, url: str, content: bytes) -> None:
        assert "br" in account.http.headers["Accept-Encoding"]
        answer = await account.http.get(url)
        assert answer.headers["Content-Encoding"] == "br"
        assert answer.content == content

    async def test_ranges_are_of_the_original_bytes(self, account: Account, url: str, content: bytes) -> None:
        chosen = random.Random(len(content))
        last = len(content) - 1
        wanted = [(0, 0), (last, last), (0, last), *((chosen.randrange(last), last) for _ in range(3))]
        for first, end in wanted:
            answer, body = await raw(account, url, "br", Range=f"bytes={first}-{end}")
            assert (answer.status_code, body) == (206, content[first : end + 1])
            assert "Content-Encoding" not in answer.headers
            assert answer.headers["Content-Range"] == f"bytes {first}-{end}/{len(content)}"
            assert answer.headers["ETag"] == f'"{sha256(content)}"'
            assert answer.headers["Repr-Digest"] == digest(content)
            assert answer.headers["Vary"] == "Accept-Encoding"
        answer, _ = await raw(account, url, "br", Range=f"bytes={len(content)}-")
        assert answer.status_code == 416

    async def test_several_ranges(self, account: Account, url: str, content: bytes) -> None:
        middle, last = len(content) // 2, len(content) - 1
        headers = {"Range": f"bytes=-10,{middle}-{middle + 99},0-9", "Accept-Encoding": "br"}
        answer = await account.http.get(url, headers=headers)
        assert answer.status_code == 206
        assert parts_of(answer) == [
            ("text/csv", f"bytes {first}-{end}/{len(content)}", content[first : end + 1])
            for first, end in ((0, 9), (middle, middle + 99), (last - 9, last))
        ]

    async def test_no_range_to_who_refuses_the_original(
        self, account: Account, url: str, content: bytes
    ) -> None:
        answer, body = await raw(account, url, "br, identity;q=0", Range="bytes=0-9")
        assert (answer.status_code, brotli.decompress(body)) == (200, content)

    async def test_conditions_tell_the_forms_apart(
        self, account: Account, url: str, document: dict[str, Any], content: bytes
    ) -> None:
        plain, coded = f'"{sha256(content)}"', f'"{document["stored_checksum"]}"'
        for accepted, tag, status in (
            ("", plain, 304),
            ("", coded, 200),
            ("br", coded, 304),
            ("br", plain, 304),
            ("br, identity;q=0", plain, 200),
            ("br", "*", 304),
        ):
            answer, _ = await raw(account, url, accepted, **{"If-None-Match": tag})
            assert answer.status_code == status, (accepted, tag)
            assert answer.headers["Vary"] == "Accept-Encoding"
            if status == 304 and tag != "*":
                assert answer.headers["ETag"] == tag
        for tag, status in ((plain, 206), (coded, 200)):
            headers = {"If-Range": tag, "Range": "bytes=5-9"}
            answer, body = await raw(account, url, "br", **headers)
            assert answer.status_code == status
            assert (body == content[5:10]) is (status == 206)
        for tag in (plain, coded):
            answer, body = await raw(account, url, "br", **{"If-Match": tag})
            assert (answer.status_code, answer.headers["ETag"]) == (200, tag)
            assert (body == content) is (tag == plain)
        assert (await raw(account, url, **{"If-Match": coded}))[0].status_code == 412
        got, _ = await raw(account, url)
        headers = {"If-Range": got.headers["Last-Modified"], "Range": "bytes=5-9"}
        assert (await raw(account, url, **headers))[0].status_code == 200


async def test_straight_from_the_element(system: RunningSystem, account: Account) -> None:
    document = await stored(account, LARGE)
    link = f"{system.query_url}/api/v1/files/{document['file_id']}/link"
    made = await account.http.post(link, json={"direct": True})
    async with account.anonymous() as http:
        for accepted in ("br", ""):
            # The element that was found by it decides by the same header which form it sends.
            sent_on = await http.get(
                f"{system.query_url}{made.json()['url']}", headers={"Accept-Encoding": accepted}
            )
            address = sent_on.headers["Location"]
            assert (sent_on.status_code, address.startswith(system.element_urls["rw-01"])) == (307, True)
            answer, body = await raw(account, address, accepted)
            got, by_query = await raw(account, f"{link.removesuffix('link')}download", accepted)
            assert (answer.status_code, body) == (200, by_query)
            for name in (
                "Content-Encoding",
                "Content-Length",
                "ETag",
                "Repr-Digest",
                "Vary",
                "Accept-Ranges",
            ):
                assert answer.headers.get(name) == got.headers.get(name), name
            original = brotli.decompress(body) if accepted else body
            assert (original, "Content-Encoding" in answer.headers) == (LARGE, bool(accepted))
        part, body = await raw(account, address, "br", Range=f"bytes={len(LARGE) - 10}-")
        assert (part.status_code, body) == (206, LARGE[-10:])


class TestClient:
    """The library asks for the original bytes, whatever stands between."""

    async def test_fetches_and_goes_on(self, account: Account, client: AsyncClient, tmp_path: Path) -> None:
        document = await stored(account, LARGE)
        target = tmp_path / "table.csv"
        await client.download(document["file_id"], target)
        assert target.read_bytes() == LARGE
        target.write_bytes(LARGE[:1_000_000])
        await client.download(document["file_id"], target)
        assert target.read_bytes() == LARGE
        async with client.stream(document["file_id"]) as stream:
            assert await stream.read() == LARGE


class TestWays:
    async def test_what_does_not_gain_lies_as_it_came(self, system: RunningSystem, account: Account) -> None:
        for content, name in ((os.urandom(300_000), "a.csv"), (SMALL, "a.pdf"), (b"short", "a.csv")):
            document = await stored(account, content, name)
            assert "content_encoding" not in document
            answer = await account.download(document["file_id"], {"Accept-Encoding": "br"})
            assert answer.content == content
            assert "Vary" not in answer.headers

    async def test_a_raw_body_and_a_resumable_upload(self, account: Account) -> None:
        answer = await account.http.post(
            f"{account.system.ingester_url}/api/v1/files",
            params={"filename": "table.csv"},
            headers={"Content-Type": "text/csv"},
            content=LARGE,
        )
        assert answer.status_code == 201, answer.text
        tus = Tus(account)
        url = await tus.create(len(LARGE), "table.csv")
        assert (await tus.patch(url, 0, LARGE)).status_code == 204
        for document in (answer.json(), await tus.document(url)):
            assert document["content_encoding"] == "br"
            assert document["checksum"] == sha256(LARGE)
            assert (await account.download(document["file_id"])).content == LARGE

    async def test_a_document_that_moves_is_coded_by_its_new_element(
        self, system: RunningSystem, account: Account
    ) -> None:
        for content in (SMALL, LARGE):
            document = await stored_temporarily(account, "table.csv", content)
            assert document["content_encoding"] == "gzip"
            transaction = await begun(account, document["file_id"])
            await is_permanent(account, transaction)
            there = await AtElement(account, "rw-01").told(f"files/{document['file_id']}")
            assert (there["content_encoding"], there["checksum"]) == ("br", sha256(content))
            assert (await account.download(document["file_id"])).content == content

    async def test_the_tool_of_every_machine_opens_what_is_on_disk(
        self, system: RunningSystem, account: Account
    ) -> None:
        document = await stored(account, SMALL, "по складу.csv", retention_policy="temporary")
        files, name = system.root("edit-01") / "files", f"*{document['file_id']}.csv.gz"
        await eventually(lambda: any(files.rglob(name)), f"there is no {name}")
        (found,) = files.rglob(name)
        assert gzip.decompress(found.read_bytes()) == SMALL

    async def test_damage_at_the_beginning_is_answered_as_what_it_is(
        self, system: RunningSystem, account: Account
    ) -> None:
        document = await stored(account, LARGE, retention_policy="temporary")
        edit = AtElement(account, "edit-01")

        async def is_filed() -> bool:
            return await edit.metric("artstore_storage_follower_lag", follower="files") == 0

        await eventually(is_filed, "the document does not come into the files")
        (found,) = (system.root("edit-01") / "files").rglob(f"*{document['file_id']}.csv.gz")
        good = found.read_bytes()
        found.write_bytes(good[:1000] + bytes(1000) + good[2000:])
        for base in (system.element_urls["edit-01"], system.query_url):
            answer, content = await raw(account, f"{base}/api/v1/files/{document['file_id']}/download")
            assert answer.status_code == 500
            assert json.loads(content)["type"] == ProblemType.DOCUMENT_DAMAGED.uri
        found.write_bytes(good)
        url = f"{system.query_url}/api/v1/files/{document['file_id']}/download"
        assert (await raw(account, url))[1] == LARGE

    async def test_is_counted(self, account: Account) -> None:
        edit = AtElement(account, "edit-01")
        names = ("documents", "original_bytes", "stored_bytes")

        async def figures() -> list[float]:
            return [
                await edit.metric(f"artstore_storage_compressed_{name}_total", encoding="gzip")
                for name in names
            ]

        before = await figures()
        document = await stored(account, SMALL, retention_policy="temporary")
        change = [after - old for after, old in zip(await figures(), before, strict=True)]
        assert change == [1, len(SMALL), document["stored_size"]]
        assert await edit.metric("artstore_storage_compression_undone_total") == 0
