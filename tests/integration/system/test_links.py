"""Links to documents, over HTTP."""

import httpx

from tests.support.system import Account, RunningSystem, eventually


async def link(account: Account, file_id: str, **new: object) -> httpx.Response:
    return await account.http.post(f"{account.system.query_url}/api/v1/files/{file_id}/link", json=new)


async def made(account: Account, file_id: str, **new: object) -> str:
    """The address of a link."""
    answer = await link(account, file_id, **new)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == answer.json()["url"]
    assert answer.headers["cache-control"] == "no-store"
    return f"{account.system.query_url}{answer.json()['url']}"


async def stored(account: Account, content: bytes = b"content", name: str = "a.html") -> str:
    return str((await account.upload(name, content)).json()["file_id"])


def refusal(answer: httpx.Response) -> tuple[int, dict[str, object]]:
    return answer.status_code, {name: told for name, told in answer.json().items() if name != "request_id"}


async def test_the_download_needs_no_token(account: Account) -> None:
    content = b"0123456789" * 1000
    file_id = await stored(account, content)
    url = await made(account, file_id)
    async with account.anonymous() as http:
        whole = await http.get(url)
        assert (whole.status_code, whole.content) == (200, content)
        assert whole.headers["cache-control"] == "private, no-store"
        assert whole.headers["referrer-policy"] == "no-referrer"
        assert whole.headers["content-disposition"].startswith("attachment")
        assert whole.headers["x-content-type-options"] == "nosniff"
        part = await http.get(url, headers={"Range": "bytes=5-9", "If-Range": whole.headers["etag"]})
        assert (part.status_code, part.content) == (206, content[5:10])
        head = await http.head(url)
        assert (head.status_code, head.headers["content-length"]) == (200, str(len(content)))
        cached = await http.get(url, headers={"If-None-Match": whole.headers["etag"]})
        assert cached.status_code == 304
        assert (await http.get(url, headers={"Range": "bytes=99999-"})).status_code == 416


async def test_those_that_do_not_serve_look_alike(account: Account, other_account: Account) -> None:
    file_id = await stored(account)
    ended = await link(account, file_id)
    ended_url = account.system.query_url + ended.json()["url"]
    elsewhere = await made(account, file_id, address="192.0.2.0/24")
    near = await made(account, file_id, address="127.0.0.0/8")
    unknown = f"{account.system.query_url}/api/v1/links/{'x' * 43}/download"
    one = f"{account.system.query_url}/api/v1/links/{ended.json()['link_id']}"
    assert (await other_account.http.delete(one)).status_code == 404
    listed = (await account.http.get(f"{account.system.query_url}/api/v1/links")).json()["items"]
    assert ended.json()["link_id"] in {each["link_id"] for each in listed}
    assert all("url" not in each for each in listed)
    assert (await other_account.http.get(f"{account.system.query_url}/api/v1/links")).json()["items"] == []
    assert (await account.http.delete(one)).status_code == 204
    assert (await account.http.delete(one)).status_code == 404
    async with account.anonymous() as http:
        assert (await http.get(near)).status_code == 200
        refused = refusal(await http.get(unknown))
        assert refused[0] == 404
        for url in (ended_url, elsewhere, unknown.replace("xxx/", "/"), unknown.replace("xxx/", "%00/")):
            assert refusal(await http.get(url)) == refused, url


async def test_for_one_use(account: Account) -> None:
    file_id = await stored(account)
    url = await made(account, file_id, once=True)
    async with account.anonymous() as http:
        assert (await http.head(url)).status_code == 200
        assert (await http.get(url, headers={"Range": "bytes=99-"})).status_code == 416
        [listed] = (await account.http.get(f"{account.system.query_url}/api/v1/links")).json()["items"]
        assert listed["used_at"] is None
        assert (await http.get(url)).content == b"content"
        # The same address may resume.
        assert (await http.get(url, headers={"Range": "bytes=3-"})).content == b"tent"
    [listed] = (await account.http.get(f"{account.system.query_url}/api/v1/links")).json()["items"]
    assert listed["used_at"] is not None


async def test_only_to_what_the_account_may_see(account: Account, other_account: Account) -> None:
    file_id = await stored(account)
    missing = await link(other_account, "0193a5b0-0000-7000-8000-000000000000")
    assert missing.status_code == 404
    assert refusal(await link(other_account, file_id)) == refusal(missing)
    assert (await link(other_account, "x")).status_code == 404


async def test_bad_input(account: Account) -> None:
    file_id = await stored(account)
    for new in (
        {"expires_in": 0},
        {"expires_in": 86_401},
        {"expires_in": "soon"},
        {"address": "here"},
        {"address": "192.0.2.0/33"},
        {"once": 7},
        {"twice": True},
    ):
        answer = await link(account, file_id, **new)
        assert answer.status_code == 422, new
        assert answer.json()["field"] == next(iter(new))


async def test_the_document_is_deleted(system: RunningSystem, account: Account) -> None:
    answer = await account.upload("a.txt", b"content", retention_policy="temporary")
    file_id = answer.json()["file_id"]
    url = await made(account, file_id)
    async with account.anonymous() as http:
        assert (await http.get(url)).status_code == 200
        gone = await account.http.delete(f"{system.ingester_url}/api/v1/files/{file_id}")
        assert gone.status_code == 204

        async def refused() -> bool:
            return (await http.get(url)).status_code == 404

        await eventually(refused, "the link still serves")


async def test_the_account_is_suspended(system: RunningSystem, account: Account, admin: Account) -> None:
    file_id = await stored(account)
    url = await made(account, file_id)
    _, claims = account.token_parts()
    async with account.anonymous() as http:
        assert (await http.get(url)).status_code == 200
        suspended = await admin.http.post(
            f"{system.admin_url}/api/v1/service-accounts/{claims['sub']}/suspend"
        )
        assert suspended.status_code == 200, suspended.text

        async def refused() -> bool:
            return (await http.get(url)).status_code == 404

        await eventually(refused, "the link still serves")
