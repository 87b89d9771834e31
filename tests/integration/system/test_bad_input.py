"""Bad input at the door: each has its own problem type, and nothing is left behind."""

import base64
import hmac
import http.client
import json
import socket
import time
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.support.system import Account, RunningSystem, form, part

PROBLEM = "urn:artstore:problem:"
SOME_ID = "0193a5b0-0000-7000-8000-000000000000"


@pytest.fixture(autouse=True)
async def nothing_left_behind(system: RunningSystem, account: Account) -> AsyncIterator[None]:
    """After every refusal: no staging file, no document of this account at any element or in the catalog."""
    yield
    await system.staging_is_empty()
    assert await account.search("") == []
    for url in system.element_urls.values():
        page = (await account.http.get(f"{url}/api/v1/files")).json()
        assert page["items"] == []


def problem_of(answer: "object") -> str:
    body = answer.json()  # type: ignore[attr-defined]  # any HTTP answer
    assert answer.headers["content-type"] == "application/problem+json"  # type: ignore[attr-defined]  # as above
    assert body["detail"]
    assert body["request_id"]
    return str(body["type"]).removeprefix(PROBLEM)


def answer_on(connection: socket.socket) -> tuple[int, bytes]:
    """The status and the body of what comes, however many pieces it comes in."""
    with http.client.HTTPResponse(connection) as answer:
        answer.begin()
        return answer.status, answer.read()


class TestToken:
    def services(self, system: RunningSystem) -> list[tuple[str, str]]:
        some = "0193a5b0-0000-7000-8000-000000000000"
        element = next(iter(system.element_urls.values()))
        return [
            ("POST", f"{system.ingester_url}/api/v1/files/upload"),
            ("POST", f"{element}/api/v1/files/upload"),
            ("GET", f"{element}/api/v1/files/{some}/download"),
            ("GET", f"{system.query_url}/api/v1/search?q=x"),
            ("GET", f"{system.query_url}/api/v1/files/{some}/download"),
            ("GET", f"{system.admin_url}/api/v1/service-accounts"),
        ]

    async def refused(self, account: Account, authorization: str | None) -> None:
        headers = {} if authorization is None else {b"Authorization": authorization.encode("latin-1")}
        async with account.anonymous() as http:
            for method, url in self.services(account.system):
                answer = await http.request(method, url, headers=headers)
                assert answer.status_code == 401, (url, answer.text)
                assert answer.headers["www-authenticate"].startswith("Bearer")
                assert problem_of(answer) == "unauthenticated"

    async def test_none(self, account: Account) -> None:
        await self.refused(account, None)

    @pytest.mark.parametrize("value", ["Bearer", "Bearer x", "Bearer a.b.c", "Basic eDp5", "Bearer \xff"])
    async def test_bad(self, account: Account, value: str) -> None:
        await self.refused(account, value)

    async def test_signature_of_a_stranger(self, account: Account) -> None:
        header, claims = account.token_parts()
        forged = jwt.encode(header, claims, RSAKey.generate_key(2048), algorithms=["RS256"])
        await self.refused(account, f"Bearer {forged}")

    async def test_algorithm_none(self, account: Account) -> None:
        header, claims = account.token_parts()
        first = base64url(json.dumps({**header, "alg": "none"}).encode())
        second = base64url(json.dumps(claims).encode())
        await self.refused(account, f"Bearer {first}.{second}.")

    async def test_public_key_as_a_shared_secret(self, account: Account) -> None:
        header, claims = account.token_parts()
        keys = (await account.http.get(f"{account.system.admin_url}/.well-known/jwks.json")).json()
        public = RSAKey.import_key(keys["keys"][0]).as_pem(private=False)
        signed = ".".join(
            base64url(json.dumps(each).encode()) for each in ({**header, "alg": "HS256"}, claims)
        )
        signature = base64url(hmac.digest(public, signed.encode(), "sha256"))
        await self.refused(account, f"Bearer {signed}.{signature}")

    async def test_expired(self, account: Account) -> None:
        await self.refused(
            account, f"Bearer {account.system.signed_token(account, exp=int(time.time()) - 120)}"
        )

    @pytest.mark.parametrize(("claim", "value"), [("aud", "another"), ("iss", "https://elsewhere.example")])
    async def test_foreign(self, account: Account, claim: str, value: str) -> None:
        await self.refused(account, f"Bearer {account.system.signed_token(account, **{claim: value})}")

    async def test_scope_missing(self, readonly: Account) -> None:
        answer = await readonly.upload("note.txt", b"note")
        assert answer.status_code == 403
        assert problem_of(answer) == "insufficient-scope"


class TestForm:
    """Each refusal is the same whether it comes through the Ingester or straight from the element."""

    @pytest.fixture(params=["ingester", "element"])
    def url(self, request: pytest.FixtureRequest, system: RunningSystem) -> str:
        base = system.ingester_url if request.param == "ingester" else system.element_urls["rw-01"]
        return f"{base}/api/v1/files/upload"

    async def refused(
        self, account: Account, url: str, body: bytes, status: int, problem: str, **more: str
    ) -> None:
        content_type = more.get("content_type", "multipart/form-data; boundary=frontier")
        answer = await account.http.post(url, content=body, headers={"Content-Type": content_type})
        assert answer.status_code == status, answer.text
        assert problem_of(answer) == problem
        if "field" in more:
            assert answer.json()["field"] == more["field"]

    async def test_no_file_part(self, account: Account, url: str) -> None:
        await self.refused(
            account, url, form(part("description", b"no file")), 400, "file-missing", field="file"
        )

    async def test_file_part_without_a_file_name(self, account: Account, url: str) -> None:
        await self.refused(account, url, form(part("file", b"bytes")), 400, "file-missing", field="file")

    async def test_empty_file(self, account: Account, url: str) -> None:
        await self.refused(
            account, url, form(part("file", b"", "empty.txt")), 400, "file-empty", field="file"
        )

    async def test_not_multipart(self, account: Account, url: str) -> None:
        await self.refused(
            account, url, b"{}", 415, "unsupported-media-type", content_type="application/json"
        )

    async def test_no_boundary(self, account: Account, url: str) -> None:
        await self.refused(account, url, b"--x", 400, "broken-multipart", content_type="multipart/form-data")

    @pytest.mark.parametrize("cut", [3, 20, 60, 120, 190])
    async def test_cut_short(self, account: Account, url: str, cut: int) -> None:
        whole = form(part("description", b"words"), part("file", b"bytes" * 10, "cut.txt"))
        await self.refused(account, url, whole[:-cut], 400, "broken-multipart")

    async def test_wrong_boundary(self, account: Account, url: str) -> None:
        body = form(part("file", b"bytes", "note.txt"))
        await self.refused(
            account, url, body, 400, "broken-multipart", content_type="multipart/form-data; boundary=another"
        )

    async def test_attributes_that_are_not_json(self, account: Account, url: str) -> None:
        body = form(part("custom_attributes", b"{not json"), part("file", b"bytes", "note.txt"))
        await self.refused(account, url, body, 422, "invalid-attributes", field="custom_attributes")

    async def test_attributes_that_are_no_object(self, account: Account, url: str) -> None:
        body = form(part("file", b"bytes", "note.txt"), part("custom_attributes", b"[1, 2]"))
        await self.refused(account, url, body, 422, "invalid-attributes", field="custom_attributes")

    async def test_attributes_over_4096_bytes(self, account: Account, url: str) -> None:
        attributes = json.dumps({"note": "ж" * 2500}).encode()
        body = form(part("file", b"bytes", "note.txt"), part("custom_attributes", attributes))
        await self.refused(account, url, body, 422, "attributes-too-large")

    async def test_unknown_retention_policy(self, account: Account, url: str) -> None:
        body = form(part("retention_policy", b"for-ever"), part("file", b"bytes", "note.txt"))
        await self.refused(account, url, body, 422, "invalid-parameter", field="retention_policy")

    async def test_retention_policy_after_the_file(self, account: Account, url: str) -> None:
        body = form(part("file", b"bytes", "note.txt"), part("retention_policy", b"temporary"))
        await self.refused(account, url, body, 422, "field-order", field="retention_policy")

    @pytest.mark.parametrize(
        "name",
        [
            "../../etc/passwd",
            "..",
            "a/b.txt",
            "nul\x00byte.txt",
            "line\nbreak.txt",
            "bell\x07.txt",
            "x" * 5000 + ".txt",
        ],
        ids=["parents", "dots", "slash", "nul", "newline", "control", "5000 characters"],
    )
    async def test_name(self, account: Account, url: str, name: str) -> None:
        escaped = name.replace("\n", "%0A")
        if escaped != name:
            # A line break cannot stand in a header; browsers send %0A, RFC 8187 encoding means the character.
            disposition = f"form-data; name=\"file\"; filename*=UTF-8''{escaped}"
            body = form(part("file", b"bytes", disposition=disposition))
        else:
            body = form(part("file", b"bytes", name))
        await self.refused(account, url, body, 422, "invalid-filename", field="file")

    async def test_a_hundred_thousand_parts(self, account: Account, url: str) -> None:
        body = form(*[part("tags", b"x")] * 100_000)
        await self.refused(account, url, body, 400, "broken-multipart")

    async def test_endless_header(self, account: Account, url: str) -> None:
        body = form(part("file", b"bytes", "note.txt", extra=b"X-Long: " + b"x" * 200_000 + b"\r\n"))
        await self.refused(account, url, body, 400, "broken-multipart")

    @pytest.mark.parametrize("query", [b"retention_policy=\xff\xfe", b"ttl_days=\xd0\xb4", b"more=\xff#part"])
    async def test_query_that_is_no_text(self, account: Account, url: str, query: bytes) -> None:
        """Bytes that no client library sends. What is not a value of a parameter is refused; others are
        nobody's business."""
        address = urlsplit(url)
        body = form(part("file", b"content", "a.txt"))
        head = (
            f" HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {account.token}\r\n"
            f"Content-Type: multipart/form-data; boundary=frontier\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode()
        with socket.create_connection((address.hostname or "", address.port or 0), timeout=30) as connection:
            connection.sendall(b"POST " + address.path.encode() + b"?" + query + head + body)
            status, answer = answer_on(connection)
        assert status in ((201, 400) if query.startswith(b"more") else (400, 422)), answer


class TestDigest:
    """A digest that the client announced is compared, whichever way the document takes."""

    @pytest.fixture(params=["ingester", "raw", "element"])
    def url(self, request: pytest.FixtureRequest, system: RunningSystem) -> str:
        if request.param == "raw":
            return f"{system.ingester_url}/api/v1/files?filename=a.txt"
        base = system.ingester_url if request.param == "ingester" else system.element_urls["rw-01"]
        return f"{base}/api/v1/files/upload"

    async def refused(self, account: Account, url: str, content: bytes, digest: str) -> str:
        files = {"files": {"file": ("a.txt", content)}} if url.endswith("upload") else {"content": content}
        answer = await account.http.post(url, headers={"Repr-Digest": digest}, **files)
        assert answer.status_code == 422, answer.text
        return problem_of(answer)

    @pytest.mark.parametrize("size", [10, 300_000])
    async def test_another_one(self, account: Account, url: str, size: int) -> None:
        of_nothing = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"
        assert await self.refused(account, url, b"x" * size, of_nothing) == "digest-mismatch"

    @pytest.mark.parametrize("digest", ["sha-256=:AAAA:", "sha-512=:AAAA:", "e3b0c44298fc1c14"])
    async def test_unreadable(self, account: Account, url: str, digest: str) -> None:
        assert await self.refused(account, url, b"x", digest) == "invalid-parameter"


class TestRaw:
    """What the Ingester refuses of a document that is the body itself, and what only the element can."""

    @pytest.mark.parametrize(
        ("query", "headers", "problem"),
        [
            ("", {}, "file-missing"),
            ("?filename=..%2Fx", {}, "invalid-filename"),
            ("?filename=a%00b", {}, "invalid-filename"),
            (f"?filename={'x' * 5000}", {}, "invalid-filename"),
            ("?filename=a&author=b", {}, "invalid-parameter"),
            ("?filename=%FF", {}, "invalid-parameter"),
            ("?filename=a&custom_attributes=nonsense", {}, "invalid-attributes"),
            (f"?filename=a&description={'x' * 5000}", {}, "attributes-too-large"),
            ("?filename=a&retention_policy=forever", {}, "invalid-parameter"),
            ("?filename=a", {"Content-Type": "nonsense"}, "invalid-parameter"),
            ("?filename=a", {"Content-Type": "multipart/form-data; boundary=x"}, "unsupported-media-type"),
            ("?filename=a", {"Content-Encoding": "gzip"}, "unsupported-media-type"),
        ],
    )
    async def test_refused(self, account: Account, query: str, headers: dict[str, str], problem: str) -> None:
        url = f"{account.system.ingester_url}/api/v1/files{query}"
        answer = await account.http.post(url, content=b"content", headers=headers)
        assert problem_of(answer) == problem

    async def test_empty(self, account: Account) -> None:
        answer = await account.http.post(
            f"{account.system.ingester_url}/api/v1/files?filename=a", content=b""
        )
        assert problem_of(answer) == "file-empty"


class TestSize:
    async def test_announced_too_large(self, system: RunningSystem, account: Account) -> None:
        """Refused by Content-Length before a byte of the file was sent."""
        for base in (system.ingester_url, system.element_urls["rw-01"]):
            address = urlsplit(base)
            head = (
                f"POST /api/v1/files/upload HTTP/1.1\r\nHost: {address.netloc}\r\n"
                f"Authorization: Bearer {account.token}\r\nContent-Type: multipart/form-data; boundary=b\r\n"
                f"Content-Length: {1 << 50}\r\n\r\n"
            )
            with socket.create_connection(
                (address.hostname or "", address.port or 0), timeout=10
            ) as connection:
                connection.sendall(head.encode())
                status, body = answer_on(connection)
            assert status == 413, body
            assert b"file-too-large" in body

    async def test_counted_too_large(self, small_system: RunningSystem) -> None:
        """Sent without a length, and cut off when the count passes the limit."""
        account = await small_system.create_account()

        async def endless() -> AsyncIterator[bytes]:
            yield form(part("file", b"", "big.bin"))[: -len(b"\r\n--frontier--\r\n")]
            for _ in range(64):
                yield b"x" * (256 << 10)
            yield b"\r\n--frontier--\r\n"

        answer = await account.http.post(
            f"{small_system.ingester_url}/api/v1/files/upload",
            content=endless(),
            headers={"Content-Type": "multipart/form-data; boundary=frontier"},
        )
        assert answer.status_code == 413
        assert problem_of(answer) == "file-too-large"
        await small_system.staging_is_empty()

    async def test_no_element_with_room(self, small_system: RunningSystem) -> None:
        account = await small_system.create_account()
        content = b"x" * (3 << 20)
        answers = [await account.upload(f"filler {n}.bin", content) for n in range(8)]
        refused = [answer for answer in answers if answer.status_code != 201]
        assert refused, "eight times 3 MiB cannot fit into 16 MiB"
        assert {answer.status_code for answer in refused} == {507}
        assert {problem_of(answer) for answer in refused} == {"insufficient-storage"}
        small = await account.upload("small.txt", b"small")
        assert small.status_code == 201


class TestClientGoesAway:
    async def test_in_the_middle_of_an_upload(self, system: RunningSystem, account: Account) -> None:
        address = urlsplit(system.ingester_url)
        body = form(part("file", b"x" * (4 << 20), "half.bin"))
        head = (
            f"POST /api/v1/files/upload HTTP/1.1\r\nHost: {address.netloc}\r\n"
            f"Authorization: Bearer {account.token}\r\nContent-Type: multipart/form-data; boundary=frontier\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        before = system.staged("rw-01")
        with socket.create_connection((address.hostname or "", address.port or 0), timeout=10) as connection:
            connection.sendall(head.encode() + body[: 3 << 20])
            await system.staging_gets_a_file("rw-01", besides=before)
        await system.staging_is_empty()


class TestElementsAway:
    async def test_all_elements_away(self, own_system: RunningSystem) -> None:
        account = await own_system.create_account()
        for element in own_system.element_urls:
            await own_system.kill(element)
        answer = await account.upload("note.txt", b"note")
        assert answer.status_code == 503
        assert problem_of(answer) in ("no-element-available", "element-unavailable")
        assert int(answer.headers["retry-after"]) > 0
        for element in own_system.element_urls:
            await own_system.start(element)
        await account.upload_until_taken("note.txt", b"note")


class TestQueries:
    @pytest.mark.parametrize(
        "query",
        [
            "'; DROP TABLE catalog_files; --",
            "((((",
            "a & | !",
            "\\",
            "%",
            "\u202e",
            "🗄️",
            "-",
            "*:*",
            "a" * 400,
            '"',
            "' or 1=1",
        ],
    )
    async def test_hostile_words(self, account: Account, query: str) -> None:
        answer = await account.search_page(query)
        assert answer.status_code == 200, answer.text
        assert answer.json()["items"] == []

    async def test_nul(self, account: Account) -> None:
        answer = await account.search_page("a\x00b")
        assert answer.status_code in (200, 422)

    async def test_too_long(self, account: Account) -> None:
        answer = await account.search_page("word " * 5000)
        assert answer.status_code in (414, 422, 431)

    @pytest.mark.parametrize("cursor", ["x", "AAAA", "eyJ4IjoxfQ", "../..", "a" * 3000])
    async def test_forged_cursor(self, account: Account, cursor: str) -> None:
        answer = await account.search_page("word", cursor=cursor)
        assert answer.status_code == 400
        assert problem_of(answer) == "invalid-cursor"

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b"[]",
            b'{"q": 1}',
            b'{"q": "x", "unknown": 1}',
            b'{"limit": 1001}',
            b'{"limit": "10"}',
            b'{"limit": true}',
            b'{"total": 1}',
            b'{"highlight": "true"}',
            b'{"created_from": 1742000000}',
            b'{"tag": ["\\u0000"]}',
            b'{"tag": ["\\ud800"]}',
            b'{"size_min": 1e400}',
            b'{"attribute": [{"path": ["a"], "equals": NaN}]}',
            b'{"attribute": [{"path": [], "equals": 1}]}',
            b'{"attribute": [{"path": ["a"], "equals": ' + b"[" * 20 + b"]" * 20 + b"}]}",
            b'{"attribute": ' + b"[" * 100_000,
            b'{"attribute": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
            b'{"attribute": [{"path": ["a"], "min": ' + b"1" * 5000 + b"}]}",
        ],
    )
    async def test_body(self, account: Account, body: bytes) -> None:
        answer = await account.http.post(
            f"{account.system.query_url}/api/v1/search",
            content=body,
            headers={"Content-Type": "application/json"},
        )
        assert answer.status_code in (400, 422), answer.text
        assert problem_of(answer) in ("invalid-request", "invalid-parameter")

    async def test_unknown_filter(self, account: Account) -> None:
        url = f"{account.system.query_url}/api/v1/search"
        answer = await account.http.get(url, params={"q": "x", "extention": "pdf"})
        assert (answer.status_code, answer.json()["field"]) == (422, "extention")

    @pytest.mark.parametrize(
        ("path", "query", "field"),
        [
            ("search", "q=a&q=b", "q"),
            ("search", "size_min=1&size_min=100", "size_min"),
            ("search/export", "format=csv&sort=name&sort=size", "sort"),
            ("suggest", "q=ab&q=cd", "q"),
            ("suggest", "q=ab&kind=tag", "kind"),
            (f"files/{SOME_ID}/versions", "limit=1&limit=2", "limit"),
            (f"files/{SOME_ID}/versions", "cursor=a&cursor=b", "cursor"),
            (f"files/{SOME_ID}/versions", "size=1", "size"),
            ("links", "limit=10", "limit"),
        ],
    )
    async def test_what_would_be_left_out(self, account: Account, path: str, query: str, field: str) -> None:
        answer = await account.http.get(f"{account.system.query_url}/api/v1/{path}?{query}")
        assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text

    async def test_what_belongs_into_a_body(self, account: Account) -> None:
        links = f"{account.system.query_url}/api/v1"
        for method, path in (("POST", f"files/{SOME_ID}/link"), ("DELETE", f"links/{SOME_ID}")):
            answer = await account.http.request(method, f"{links}/{path}?expires_in=60")
            assert (answer.status_code, answer.json()["field"]) == (422, "expires_in"), answer.text

    @pytest.mark.parametrize("limit", ["0", "-1", "100000", "x"])
    async def test_limit(self, account: Account, limit: str) -> None:
        answer = await account.http.get(
            f"{account.system.query_url}/api/v1/search", params={"q": "x", "limit": limit}
        )
        assert answer.status_code == 422
        assert answer.json()["field"] == "limit"

    @pytest.mark.parametrize(
        "file_id", ["x", "..%2F..%2Fetc", "0", "%00", "00000000-0000-0000-0000-000000000000"]
    )
    async def test_ids_that_are_none(self, account: Account, file_id: str) -> None:
        for base in (account.system.query_url, account.system.element_urls["rw-01"]):
            answer = await account.http.get(f"{base}/api/v1/files/{file_id}/download")
            assert answer.status_code in (404, 422), answer.text
            problem_of(answer)


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
