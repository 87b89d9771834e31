"""Keys change while the four services are in use: nobody notices a rotation, and a revoked key is worthless."""

import asyncio
from collections import Counter

from tests.support.everywhere import Call, calls, change_keys, signer, stored_by
from tests.support.system import Account, RunningSystem, eventually


async def test_no_request_fails_while_keys_rotate(system: RunningSystem) -> None:
    """With tokens that were given before, and with those that are given while the keys change."""
    clients = [await system.administrator() for _ in range(4)]
    lasting = await system.administrator()
    file_id = await stored_by(lasting)
    outcomes: Counter[tuple[str, int]] = Counter()
    signers: set[str] = set()
    done = asyncio.Event()

    async def hammer(account: Account, name: str, call: Call, renew: bool) -> None:
        while not done.is_set():
            if renew:
                await account.refresh()
                signers.add(signer(account))
            outcomes[name, (await call(account)).status_code] += 1

    async def rotate(times: int) -> None:
        watcher = await system.administrator()
        for _ in range(times):
            kid = (await change_keys(watcher, "rotate"))["kid"]
            await eventually(lambda kid=kid: kid in signers, "no client has a token of the new key")  # type: ignore[misc]
        done.set()

    async with asyncio.TaskGroup() as tasks:
        for client, (name, call) in zip(clients, calls(system, file_id).items(), strict=True):
            tasks.create_task(hammer(client, name, call, renew=True))
            tasks.create_task(hammer(lasting, name, call, renew=False))
        tasks.create_task(rotate(3))
    assert len(signers) >= 4
    assert {name: {s for n, s in outcomes if n == name} for name, _ in outcomes} == {
        "admin": {200},
        "ingester": {201},
        "element": {200},
        "query": {200},
    }


async def test_revoked_key_is_worthless_everywhere(system: RunningSystem) -> None:
    account = await system.administrator()
    file_id = await stored_by(account)
    everywhere = calls(system, file_id)
    assert {(await call(account)).status_code for call in everywhere.values()} == {200, 201}

    renewed = await system.administrator()
    assert signer(renewed) == signer(account)
    await change_keys(renewed, f"{signer(account)}/revoke")
    for name, call in everywhere.items():

        async def refused(call: Call = call) -> bool:
            return (await call(account)).status_code == 401

        await eventually(refused, f"{name} goes on with the revoked key")

    await renewed.refresh()
    assert signer(renewed) != signer(account)
    assert {(await call(renewed)).status_code for call in everywhere.values()} == {200, 201}
