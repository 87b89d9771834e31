"""What an administrator does to keys and elements, and requests that show at every service what comes of it."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from tests.support.system import Account, RunningSystem, eventually

Call = Callable[[Account], Awaitable[httpx.Response]]


def calls(system: RunningSystem, file_id: str) -> dict[str, Call]:
    """Something that each service answers with success to an administrator."""
    element = system.element_urls["rw-01"]
    return {
        "admin": lambda account: account.http.get(f"{system.admin_url}/api/v1/service-accounts?limit=1"),
        "ingester": lambda account: account.upload("under load.txt", b"content"),
        "element": lambda account: account.http.get(f"{element}/api/v1/files/{file_id}"),
        "query": lambda account: account.http.get(f"{system.query_url}/api/v1/files/{file_id}"),
    }


async def change_keys(account: Account, path: str) -> dict[str, Any]:
    answer = await account.http.post(f"{account.system.admin_url}/api/v1/jwt-keys/{path}")
    assert answer.status_code == 200, answer.text
    key: dict[str, Any] = answer.json()
    return key


async def stored_by(account: Account) -> str:
    answer = await account.upload("first.txt", b"first")
    assert answer.status_code == 201, answer.text
    return str(answer.json()["file_id"])


def signer(account: Account) -> str:
    return str(account.token_parts()[0]["kid"])


async def decide(administrator: Account, act: str) -> None:
    element = f"{administrator.system.admin_url}/api/v1/storage-elements/rw-01"

    async def is_known() -> bool:
        return (await administrator.http.get(element)).status_code == 200

    await eventually(is_known, "Admin has not heard of the element")
    answer = await administrator.http.post(f"{element}/{act}")
    assert answer.status_code == 200, answer.text


async def status_of_upload(account: Account, **fields: Any) -> int:
    return (await account.upload("drained.txt", b"content", **fields)).status_code


async def takes(account: Account, *, nothing: bool) -> None:
    wanted = 503 if nothing else 201

    async def so() -> bool:
        return await status_of_upload(account) == wanted

    await eventually(so, f"uploads are not answered with {wanted}")
