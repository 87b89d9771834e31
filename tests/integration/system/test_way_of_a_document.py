"""The whole way over HTTP: token, upload, search, download, with every sample."""

import base64
import hashlib
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path

import httpx
import pytest

from artstore.wire.search import SearchAnswer
from tests.support.byteranges import parts_of
from tests.support.http_connection import Connection
from tests.support.system import BOUNDARY, Account, RunningSystem, form, part

SAMPLES = Path(__file__).parents[3] / "samples"
DOCUMENTS = sorted(path for path in SAMPLES.rglob("*") if path.is_file())


@pytest.mark.parametrize("sample", DOCUMENTS, ids=lambda path: path.relative_to(SAMPLES).as_posix())
async def test_sample(account: Account, sample: Path) -> None:
    content = sample.read_bytes()
    digest = hashlib.sha256(content).hexdigest()

    answer = await account.upload(
        sample.name, content, description="A sample", custom_attributes={"folder": sample.parent.name}
    )
    assert answer.status_code == 201, answer.text
    stored = answer.json()
    assert stored["original_filename"] == sample.name
    assert stored["file_size"] == len(content)
    assert stored["checksum"] == digest
    assert stored["created_by_username"] == account.name
    assert stored["description"] == "A sample"
    assert stored["custom_attributes"] == {"folder": sample.parent.name}
    assert stored["retention_policy"] == "permanent"
    assert "storage_filename" not in stored
    assert "storage_path" not in stored

    word = re.findall(r"\w+", sample.stem)[0]
    hit = await account.find(word, stored["file_id"])
    assert hit["checksum"] == digest
    assert hit["element_id"] == "rw-01"

    download = await account.http.get(f"{account.system.query_url}/api/v1/files/{stored['file_id']}/download")
    assert download.status_code == 200
    assert download.content == content
    assert download.headers["content-type"].split(";")[0] == stored["content_type"]


async def test_a_search_shows_what_it_found(account: Account, other_account: Account) -> None:
    text = "<b>Highlighted</b> “договоры” 👩🏽‍🚀"
    stored = (await account.upload("a.txt", b"a", description=text, tags=["highlighting"])).json()
    hit = await account.find("highlighted", stored["file_id"])
    assert "highlights" not in hit

    asked: dict[str, str | bool] = {"q": "highlighted ДОГОВОР", "highlight": True}
    url = f"{account.system.query_url}/api/v1/search"
    shown = [
        {
            "path": ["description"],
            "parts": [
                {"text": "<b>", "match": False},
                {"text": "Highlighted", "match": True},
                {"text": "</b> “", "match": False},
                {"text": "договоры", "match": True},
                {"text": "” 👩🏽‍🚀", "match": False},
            ],
            "cut_before": False,
            "cut_after": False,
        },
        {
            "path": ["tags", 0],
            "parts": [{"text": "highlighting", "match": True}],
            "cut_before": False,
            "cut_after": False,
        },
    ]
    for answer in (await account.http.get(url, params=asked), await account.http.post(url, json=asked)):
        (found,) = answer.json()["items"]
        assert found["highlights"] == shown
        SearchAnswer.model_validate(answer.json())
    assert (await other_account.http.post(url, json=asked)).json()["items"] == []


class TestRaw:
    """The document is the body of the request."""

    async def store(self, account: Account, content: bytes, query: str, **headers: str) -> dict[str, object]:
        url = f"{account.system.ingester_url}/api/v1/files{query}"
        answer = await account.http.post(url, content=content, headers=headers)
        assert answer.status_code == 201, answer.text
        stored: dict[str, object] = answer.json()
        assert stored["checksum"] == hashlib.sha256(content).hexdigest()
        assert (await account.download(str(stored["file_id"]))).content == content
        return stored

    async def test_with_all_attributes(self, account: Account) -> None:
        query = (
            "?filename=%D1%81%D1%87%D1%91%D1%82.txt&description=two%20words&tags=a,b&tags=c"
            "&custom_attributes=%7B%22year%22%3A2026%7D&retention_policy=temporary"
        )
        stored = await self.store(account, b"content", query, **{"Content-Type": "text/plain"})
        assert stored["original_filename"] == "счёт.txt"
        assert stored["content_type"] == "text/plain"
        assert (stored["description"], stored["tags"]) == ("two words", ["a", "b", "c"])
        assert (stored["custom_attributes"], stored["retention_policy"]) == ({"year": 2026}, "temporary")

    async def test_as_curl_sends_it(self, account: Account) -> None:
        stored = await self.store(
            account,
            b"%PDF-1.7\n%",
            "",
            **{
                "Content-Type": "application/x-www-form-urlencoded",
                "Content-Disposition": 'attachment; filename="a.pdf"',
            },
        )
        assert (stored["original_filename"], stored["content_type"]) == ("a.pdf", "application/pdf")

    async def test_what_looks_like_the_end_of_a_form(self, account: Account) -> None:
        content = b"\r\n--boundary--\r\n" * 20_000
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
        await self.store(account, content, "?filename=a", **{"Repr-Digest": f"sha-256=:{digest}:"})

    async def test_without_a_length(self, account: Account) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(10):
                yield b"x" * 50_000

        url = f"{account.system.ingester_url}/api/v1/files?filename=a"
        answer = await account.http.post(url, content=pieces())
        assert answer.json()["checksum"] == hashlib.sha256(b"x" * 500_000).hexdigest()


class TestUpload:
    async def test_acknowledged_document_is_readable_at_once(self, account: Account) -> None:
        for number in range(20):
            content = f"document {number}".encode()
            stored = (await account.upload("note.txt", content)).json()
            info = await account.http.get(f"{account.system.query_url}/api/v1/files/{stored['file_id']}")
            assert info.status_code == 200
            assert info.json()["checksum"] == stored["checksum"]
            download = await account.download(stored["file_id"])
            assert download.content == content

    async def test_temporary_document_goes_to_the_edit_element(self, account: Account) -> None:
        stored = (await account.upload("draft.txt", b"a draft", retention_policy="temporary")).json()
        assert stored["retention_policy"] == "temporary"
        hit = await account.find("draft", stored["file_id"])
        assert hit["element_id"] == "edit-01"

    async def test_tags(self, account: Account) -> None:
        stored = (await account.upload("tagged.txt", b"tagged", tags=["красный", "blue"])).json()
        assert stored["tags"] == ["красный", "blue"]
        await account.find("красный", stored["file_id"])

    async def test_same_name_twice_gives_two_documents(self, account: Account) -> None:
        first = (await account.upload("report.txt", b"north")).json()
        second = (await account.upload("report.txt", b"south")).json()
        assert first["file_id"] != second["file_id"]
        assert (await account.download(first["file_id"])).content == b"north"
        assert (await account.download(second["file_id"])).content == b"south"

    @pytest.mark.parametrize("path", ["/api/v1/files/upload", "/api/v1/files?filename=a.txt"])
    @pytest.mark.parametrize("size", [10, 2 << 20])
    async def test_one_connection_serves_many(self, account: Account, path: str, size: int) -> None:
        content = b"x" * size
        is_form = path.endswith("upload")
        body = form(part("file", content, "a.txt")) if is_form else content
        headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"} if is_form else {}
        connection = await Connection.open(account.system.ingester_url, account.token)
        try:
            for _ in range(3):
                answer = await connection.request("POST", path, headers, body)
                assert answer.status == 201
                assert "connection" not in answer.headers
        finally:
            await connection.close()

    async def test_answer_carries_request_id_and_location(self, account: Account) -> None:
        answer = await account.upload("note.txt", b"note", headers={"X-Request-ID": "my-request-1"})
        assert answer.headers["x-request-id"] == "my-request-1"
        assert answer.headers["location"].endswith(answer.json()["file_id"])


class TestDownload:
    @pytest.fixture
    async def content(self) -> bytes:
        return b"".join(hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(8192))

    @pytest.fixture
    async def file_id(self, account: Account, content: bytes) -> str:
        return str((await account.upload("random.bin", content)).json()["file_id"])

    @pytest.mark.parametrize(
        ("asked", "first", "last"),
        [
            ("bytes=0-0", 0, 0),
            ("bytes=100-299", 100, 299),
            ("bytes=262000-", 262000, 262143),
            ("bytes=-500", 261644, 262143),
        ],
    )
    async def test_range(
        self, account: Account, content: bytes, file_id: str, asked: str, first: int, last: int
    ) -> None:
        answer = await account.download(file_id, headers={"Range": asked})
        assert answer.status_code == 206
        assert answer.headers["content-range"] == f"bytes {first}-{last}/{len(content)}"
        assert answer.content == content[first : last + 1]

    async def test_range_beyond_the_end(self, account: Account, content: bytes, file_id: str) -> None:
        answer = await account.download(file_id, headers={"Range": f"bytes={len(content)}-"})
        assert answer.status_code == 416
        assert answer.headers["content-range"] == f"bytes */{len(content)}"
        assert answer.json()["type"] == "urn:artstore:problem:range-not-satisfiable"

    async def test_several_ranges(self, account: Account, content: bytes, file_id: str) -> None:
        asked = {"Range": "bytes=200000-200999,0-9,5-99,-500,999999-"}
        answer = await account.download(file_id, headers=asked)
        assert answer.status_code == 206
        assert "content-range" not in answer.headers
        assert parts_of(answer) == [
            ("application/octet-stream", f"bytes {first}-{last}/{len(content)}", content[first : last + 1])
            for first, last in ((0, 99), (200000, 200999), (len(content) - 500, len(content) - 1))
        ]
        assert answer.headers["etag"] == f'"{hashlib.sha256(content).hexdigest()}"'
        again = await account.download(file_id, headers=asked)
        assert again.content == answer.content

    async def test_several_ranges_that_are_one(self, account: Account, content: bytes, file_id: str) -> None:
        answer = await account.download(file_id, headers={"Range": "bytes=50-99,0-60"})
        assert answer.status_code == 206
        assert answer.headers["content-range"] == f"bytes 0-99/{len(content)}"
        assert answer.content == content[:100]

    async def test_resumes_only_the_same_document(
        self, account: Account, content: bytes, file_id: str
    ) -> None:
        whole = await account.download(file_id)
        etag = whole.headers["etag"]
        rest = await account.download(file_id, headers={"Range": "bytes=1000-", "If-Range": etag})
        assert rest.status_code == 206
        assert content == whole.content[:1000] + rest.content
        other = await account.download(file_id, headers={"Range": "bytes=1000-", "If-Range": '"another"'})
        assert other.status_code == 200
        assert other.content == content

    async def test_head_and_not_modified(self, account: Account, content: bytes, file_id: str) -> None:
        url = f"{account.system.query_url}/api/v1/files/{file_id}/download"
        head = await account.http.head(url)
        assert head.status_code == 200
        assert head.headers["content-length"] == str(len(content))
        assert head.headers["accept-ranges"] == "bytes"
        assert head.content == b""
        cached = await account.http.get(url, headers={"If-None-Match": head.headers["etag"]})
        assert cached.status_code == 304

    async def test_conditions(self, account: Account, content: bytes, file_id: str) -> None:
        whole = await account.download(file_id)
        tag, at = whole.headers["etag"], parsedate_to_datetime(whole.headers["last-modified"])
        before, after = (format_datetime(at + timedelta(days=days), usegmt=True) for days in (-1, 1))
        for name, value, status in (
            ("If-Match", tag, 200),
            ("If-Match", "*", 200),
            ("If-Match", f'"other", {tag}', 200),
            ("If-Match", f"W/{tag}", 412),
            ("If-Match", '"other"', 412),
            ("If-Unmodified-Since", after, 200),
            ("If-Unmodified-Since", whole.headers["last-modified"], 200),
            ("If-Unmodified-Since", before, 412),
            ("If-Unmodified-Since", "some day", 200),
            ("If-None-Match", f"W/{tag}", 304),
            ("If-None-Match", '"other"', 200),
            ("If-Modified-Since", after, 304),
            ("If-Modified-Since", before, 200),
        ):
            answer = await account.download(file_id, headers={name: value})
            assert answer.status_code == status, (name, value)
            if status == 412:
                assert answer.json()["type"] == "urn:artstore:problem:precondition-failed"
            elif status == 200:
                assert answer.content == content
        both = {"If-Match": tag, "If-Unmodified-Since": before, "Range": "bytes=0-9"}
        assert (await account.download(file_id, headers=both)).content == content[:10]

    @pytest.mark.parametrize("kind", ["text/html", "image/svg+xml", "application/xhtml+xml"])
    async def test_what_a_browser_could_run_is_only_kept(self, account: Account, kind: str) -> None:
        headers = {"Content-Type": kind}
        url = f"{account.system.ingester_url}/api/v1/files?filename=page"
        stored = await account.http.post(url, content=b"<script>1</script>", headers=headers)
        answer = await account.download(stored.json()["file_id"])
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"

    async def test_name_in_any_script_survives(self, account: Account) -> None:
        stored = (await account.upload("отчёт 报告 “2025”.txt", b"text")).json()
        answer = await account.download(stored["file_id"])
        assert "filename*=UTF-8''" in answer.headers["content-disposition"]
        assert answer.headers["x-content-type-options"] == "nosniff"


class TestSearch:
    async def test_words_in_three_scripts(self, account: Account) -> None:
        names = ["Annual report 2025.pdf", "счёт_2025-03-17_ООО.pdf", "年度报告2025.pdf"]
        ids = [(await account.upload(name, name.encode())).json()["file_id"] for name in names]
        for words, index in [
            ("annual", 0),
            ("reports", 0),
            ("счет", 1),
            ("2025-03", 1),
            ("ооо", 1),
            ("报告", 2),
        ]:
            hit = await account.find(words, ids[index])
            assert hit["original_filename"] == names[index], words

    async def test_all_words_must_match(self, account: Account) -> None:
        stored = (await account.upload("kiln street invoice.txt", b"1")).json()
        await account.find("kiln invoice", stored["file_id"])
        assert await account.search("kiln elephants") == []

    async def test_pages_by_cursor(self, account: Account) -> None:
        ids = {(await account.upload(f"ledger {n}.txt", f"{n}".encode())).json()["file_id"] for n in range(7)}
        for file_id in ids:
            await account.find("ledger", file_id)
        seen: list[str] = []
        cursor = None
        while True:
            page = (await account.search_page("ledger", limit=3, cursor=cursor)).json()
            seen += [item["file_id"] for item in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert len(seen) == len(set(seen))
        assert set(seen) == ids


class TestOwnership:
    async def test_other_accounts_see_nothing(self, account: Account, other_account: Account) -> None:
        stored = (await account.upload("secret plans.txt", b"secret")).json()
        await account.find("plans", stored["file_id"])
        assert await other_account.search("plans") == []
        foreign = await other_account.download(stored["file_id"])
        missing = await other_account.download("0193a5b0-0000-7000-8000-000000000000")
        assert foreign.status_code == missing.status_code == 404
        assert without_request(foreign) == without_request(missing)

    async def test_administrators_see_all(self, account: Account, admin: Account) -> None:
        stored = (await account.upload("visible to admin.txt", b"content")).json()
        assert (await admin.download(stored["file_id"])).content == b"content"


class TestDiscovery:
    async def test_registry_lists_the_elements(self, system: RunningSystem, admin: Account) -> None:
        answer = await admin.http.get(f"{system.admin_url}/api/v1/storage-elements")
        elements = {item["element_id"]: item for item in answer.json()["items"]}
        assert elements["edit-01"]["mode"] == "edit"
        assert elements["rw-01"]["mode"] == "rw"
        assert all(item["free_bytes"] > 0 for item in elements.values())

    async def test_a_user_may_not_read_the_registry(self, system: RunningSystem, account: Account) -> None:
        answer = await account.http.get(f"{system.admin_url}/api/v1/storage-elements")
        assert answer.status_code == 403
        assert answer.json()["type"] == "urn:artstore:problem:insufficient-scope"


def without_request(answer: httpx.Response) -> dict[str, object]:
    body: dict[str, object] = answer.json()
    return {key: value for key, value in body.items() if key not in ("request_id", "instance")}
