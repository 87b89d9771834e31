"""Finalizing documents as an application does, and waiting for what becomes of it."""

from typing import Any

import httpx

from tests.support.system import Account, eventually

ended = eventually


async def stored(account: Account, name: str = "a.txt", content: bytes = b"content", **more: Any) -> Any:
    """A temporary document."""
    answer = await account.upload(name, content, retention_policy="temporary", **more)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def finalize(account: Account, file_id: str) -> httpx.Response:
    return await account.http.post(f"{account.system.ingester_url}/api/v1/finalize/{file_id}")


async def begun(account: Account, file_id: str) -> dict[str, Any]:
    """The transaction, once the system takes the request."""
    answers: list[httpx.Response] = []

    async def taken() -> bool:
        try:
            answer = await finalize(account, file_id)
        except httpx.TransportError:
            return False
        assert answer.status_code in (202, 503), answer.text
        answers.append(answer)
        return answer.status_code == 202

    await eventually(taken, f"{file_id} is not taken for finalization")
    transaction: dict[str, Any] = answers[-1].json()
    expected = f"/api/v1/finalize/{transaction['transaction_id']}/status"
    assert answers[-1].headers["Location"] == expected
    return transaction


async def is_permanent(account: Account, transaction: dict[str, Any]) -> dict[str, Any]:
    """Waits for the commit."""
    return await _until(account, transaction, lambda told: bool(told["is_permanent"]))


async def is_in_state(account: Account, transaction: dict[str, Any], *states: str) -> dict[str, Any]:
    return await _until(account, transaction, lambda told: told["state"] in states)


async def _until(account: Account, transaction: dict[str, Any], holds: Any) -> dict[str, Any]:
    told: dict[str, Any] = {}

    async def reached() -> bool:
        url = f"{account.system.ingester_url}/api/v1/finalize/{transaction['transaction_id']}/status"
        try:
            answer = await account.http.get(url)
        except httpx.TransportError:
            return False
        assert answer.status_code in (200, 503), answer.text
        if answer.status_code == 200:
            told.update(answer.json())
        return answer.status_code == 200 and bool(holds(told))

    try:
        await eventually(reached, "it does not come so far")
    except AssertionError as error:
        raise AssertionError(f"the transaction does not come so far: {told}") from error
    return told
