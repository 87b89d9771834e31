"""Moving documents between elements as an operator does, and reading them meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tests.support.system import Account, eventually


async def transfer(operator: Account, file_id: str, to: str) -> httpx.Response:
    wanted = {"file_id": file_id, "target_element_id": to}
    return await operator.http.post(f"{operator.system.admin_url}/api/v1/transfers", json=wanted)


async def transfer_begun(operator: Account, file_id: str, to: str) -> dict[str, Any]:
    """The transaction, once the system takes the request."""
    answers: list[httpx.Response] = []

    async def taken() -> bool:
        try:
            answer = await transfer(operator, file_id, to)
        except httpx.TransportError:
            return False
        assert answer.status_code in (202, 503), answer.text
        answers.append(answer)
        return answer.status_code == 202

    await eventually(taken, f"{file_id} is not taken for a transfer")
    transaction: dict[str, Any] = answers[-1].json()
    assert answers[-1].headers["Location"] == f"/api/v1/transactions/{transaction['transaction_id']}"
    return transaction


async def transfer_is(operator: Account, transaction: dict[str, Any], state: str) -> dict[str, Any]:
    """Waits for the state."""
    told: dict[str, Any] = {}

    async def reached() -> bool:
        url = f"{operator.system.admin_url}/api/v1/transactions/{transaction['transaction_id']}"
        try:
            answer = await operator.http.get(url)
        except httpx.TransportError:
            return False
        assert answer.status_code in (200, 503), answer.text
        if answer.status_code == 200:
            told.update(answer.json())
        return bool(told.get("state") == state)

    try:
        await eventually(reached, "it does not come so far")
    except AssertionError as error:
        raise AssertionError(f"the transfer is not {state}: {told}") from error
    return told


@asynccontextmanager
async def readable(account: Account, file_id: str, content: bytes) -> AsyncIterator[None]:
    """While the block runs, the document is read over and over, and never found missing or another one."""
    counted = {200: 0, 503: 0}
    ending = asyncio.Event()

    async def read() -> None:
        while not ending.is_set():
            try:
                answer = await account.download(file_id)
            except httpx.TransportError:  # its element died in the middle, and nobody else had the bytes
                continue
            assert answer.status_code in counted, answer.text
            counted[answer.status_code] += 1
            if answer.status_code == 200:
                assert answer.content == content
            await asyncio.sleep(0.05)

    reading = asyncio.create_task(read())
    try:
        yield
        await eventually(lambda: counted[200] > 0 or reading.done(), "it cannot be read")
    finally:
        ending.set()
        await reading
    assert counted[200] > 0
