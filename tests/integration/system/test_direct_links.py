"""Links by which a document is fetched from its element, over HTTP; the elements are those of ``artstore up``."""

from contextlib import AbstractAsyncContextManager
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.support.system import Account, RunningSystem, eventually

CONTENT = b"0123456789" * 1000
RELAYED = (
    "accept-ranges",
    "cache-control",
    "content-disposition",
    "content-length",
    "content-security-policy",
    "content-type",
    "etag",
    "last-modified",
    "referrer-policy",
    "repr-digest",
    "x-content-type-options",
)


async def stored(account: Account, content: bytes = CONTENT, policy: str = "permanent") -> str:
    answer = await account.upload("счёт.html", content, retention_policy=policy)
    return str(answer.json()["file_id"])


async def made(account: Account, file_id: str, **new: Any) -> str:
    """The address of a link that leads to the element."""
    url = f"{account.system.query_url}/api/v1/files/{file_id}/link"
    answer = await account.http.post(url, json={"direct": True, **new})
    assert answer.status_code == 201, answer.text
    assert answer.json()["direct"] is True
    return f"{account.system.query_url}{answer.json()['url']}"


async def sent_on(http: httpx.AsyncClient, url: str, **headers: str) -> str:
    """Where the link leads."""
    answer = await http.get(url, headers=headers)
    assert (answer.status_code, answer.content) == (307, b""), answer.text
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    return str(answer.headers["location"])


def ticket_of(address: str) -> str:
    return urlsplit(address).path.split("/")[-2]


def elsewhere() -> AbstractAsyncContextManager[httpx.AsyncClient]:
    """A client at another address of this machine."""
    return httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(local_address="127.0.0.2"), timeout=30)


def refusal(answer: httpx.Response) -> tuple[int, dict[str, object]]:
    return answer.status_code, {name: told for name, told in answer.json().items() if name != "request_id"}


async def test_the_element_answers_as_query_would(system: RunningSystem, account: Account) -> None:
    file_id = await stored(account)
    url = await made(account, file_id)
    plain = await account.http.post(f"{system.query_url}/api/v1/files/{file_id}/link")
    async with account.anonymous() as http:
        through_query = await http.get(f"{system.query_url}{plain.json()['url']}")
        address = await sent_on(http, url)
        assert address.startswith(tuple(system.element_urls.values()))
        whole = await http.get(address)
        assert (whole.status_code, whole.content) == (200, CONTENT)
        for name in RELAYED:
            assert whole.headers[name] == through_query.headers[name], name
        head = await http.head(address)
        assert (head.status_code, head.headers["etag"]) == (200, whole.headers["etag"])
        # A ticket is good as often as one likes while it lives; each resumption may take a new one.
        headers = {"Range": "bytes=5-9", "If-Range": whole.headers["etag"]}
        for _ in range(2):
            part = await http.get(url, headers=headers, follow_redirects=True)
            assert (part.status_code, part.content) == (206, CONTENT[5:10])
        beyond = await http.get(url, headers={"Range": "bytes=99999-"}, follow_redirects=True)
        assert beyond.status_code == 416


async def test_what_needs_no_bytes_comes_from_query(account: Account) -> None:
    url = await made(account, await stored(account))
    async with account.anonymous() as http:
        head = await http.head(url)
        assert (head.status_code, head.headers["content-length"]) == (200, str(len(CONTENT)))
        tag = head.headers["etag"]
        assert (await http.get(url, headers={"If-None-Match": tag})).status_code == 304
        assert (await http.get(url, headers={"If-Match": '"other"'})).status_code == 412
        assert (await http.get(await sent_on(http, url, **{"If-Match": tag}))).content == CONTENT


async def test_a_ticket_is_for_one_document_and_nothing_else(system: RunningSystem, account: Account) -> None:
    file_id, other = await stored(account), await stored(account, b"other")
    async with account.anonymous() as http:
        address = await sent_on(http, await made(account, file_id))
        base, ticket = address.split("/api/")[0], ticket_of(address)
        # As an access token it is good for nothing, anywhere.
        for where in (
            f"{base}/api/v1/files/{file_id}/download",
            f"{base}/api/v1/files/{other}",
            f"{system.query_url}/api/v1/files/{file_id}",
            f"{system.ingester_url}/api/v1/batches",
            f"{system.admin_url}/api/v1/storage-elements",
        ):
            answer = await http.get(where, headers={"Authorization": f"Bearer {ticket}"})
            assert answer.status_code in (401, 405), where
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert (await http.request(method, address)).status_code == 405
        unknown = refusal(await http.get(f"{base}/api/v1/tickets/x/download"))
        assert unknown[0] == 404
        for bad in (
            account.token,
            f"{ticket}x",
            ticket.rpartition(".")[0] + ".",
            system.signed_anew(ticket, exp=1),
            system.signed_anew(ticket, aud="artstore"),
            system.signed_anew(ticket, file_id="x"),
            system.signed_anew(ticket, address="192.0.2.1"),
            "%00",
            "x" * 9000,
        ):
            assert refusal(await http.get(f"{base}/api/v1/tickets/{bad}/download")) == unknown, bad


async def test_for_one_use(system: RunningSystem, account: Account) -> None:
    url = await made(account, await stored(account), once=True)
    links = f"{system.query_url}/api/v1/links"
    async with account.anonymous() as http, elsewhere() as others:
        assert (await http.head(url)).status_code == 200
        [listed] = (await account.http.get(links)).json()["items"]
        assert (listed["direct"], listed["used_at"]) == (True, None)
        address = await sent_on(http, url)
        [listed] = (await account.http.get(links)).json()["items"]
        assert listed["used_at"] is not None
        assert (await others.get(url)).status_code == 404
        # The element may see the client at another address than Query does.
        assert (await others.get(address)).content == CONTENT
        # The same address may resume, with another ticket.
        again = await sent_on(http, url, Range="bytes=9990-")
        assert (await http.get(again, headers={"Range": "bytes=9990-"})).content == CONTENT[9990:]


async def test_from_one_address(account: Account) -> None:
    url = await made(account, await stored(account), address="127.0.0.1")
    async with account.anonymous() as http, elsewhere() as others:
        address = await sent_on(http, url)
        assert (await others.get(url)).status_code == 404
        assert (await others.get(address)).status_code == 404
        assert (await http.get(address)).content == CONTENT


async def test_a_client_that_does_not_get_through_to_the_element(account: Account) -> None:
    url = await made(account, await stored(account), once=True)
    async with account.anonymous() as http:
        for bad in ("direct=0", "direct=false&direct=true", "direct="):
            answer = await http.get(f"{url}?{bad}")
            assert (answer.status_code, answer.json()["field"]) == (422, "direct"), bad
        await sent_on(http, f"{url}?direct=true")
        # The link is used, and yet good for the same client.
        through_query = await http.get(f"{url}?direct=false")
        assert (through_query.status_code, through_query.content) == (200, CONTENT)


async def test_the_link_ends(system: RunningSystem, account: Account) -> None:
    file_id = await stored(account)
    link = f"{system.query_url}/api/v1/files/{file_id}/link"
    made = (await account.http.post(link, json={"direct": True})).json()
    async with account.anonymous() as http:
        address = await sent_on(http, f"{system.query_url}{made['url']}")
        await account.http.delete(f"{system.query_url}/api/v1/links/{made['link_id']}")
        assert (await http.get(f"{system.query_url}{made['url']}")).status_code == 404
        # For its minute the ticket is good.
        assert (await http.get(address)).content == CONTENT


async def test_the_account_is_suspended(system: RunningSystem, account: Account, admin: Account) -> None:
    url = await made(account, await stored(account))
    _, claims = account.token_parts()
    async with account.anonymous() as http:
        address = await sent_on(http, url)
        suspended = await admin.http.post(
            f"{system.admin_url}/api/v1/service-accounts/{claims['sub']}/suspend"
        )
        assert suspended.status_code == 200, suspended.text

        async def refused() -> bool:
            return [(await http.get(each)).status_code for each in (url, address)] == [404, 404]

        await eventually(refused, "link or ticket still serve")


async def test_the_document_is_deleted(system: RunningSystem, account: Account) -> None:
    file_id = await stored(account, policy="temporary")
    url = await made(account, file_id)
    async with account.anonymous() as http:
        address = await sent_on(http, url)
        gone = await account.http.delete(f"{system.ingester_url}/api/v1/files/{file_id}")
        assert gone.status_code == 204
        assert (await http.get(address)).status_code == 404

        async def refused() -> bool:
            return (await http.get(url)).status_code == 404

        await eventually(refused, "the link still serves")
