"""A system whose parts die while documents move, and what must be true of a document afterwards."""

import asyncio
import hashlib
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import pytest

from artstore.admin.transactions.failpoints import ENVIRONMENT as ADMIN_FAILPOINTS
from artstore.admin.transactions.failpoints import NAMES as ADMIN_NAMES
from artstore.engine.failpoints import ENVIRONMENT as ELEMENT_FAILPOINTS
from artstore.engine.failpoints import NAMES as ELEMENT_NAMES
from artstore.launcher.errors import LauncherError
from artstore.launcher.settings import Element, SystemSettings
from tests.support.elements import AtElement
from tests.support.system import Account, RunningSystem, eventually


class Stand:
    """The system, and the failpoints that its parts get at their next start."""

    def __init__(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        self.pids: dict[str, int | None] = {}
        self.armed: dict[str, dict[str, str]] = {"admin": {}, "edit-01": {}, "edit-02": {}, "rw-01": {}}
        self.armed["admin"].update(
            {
                "ARTSTORE_ADMIN_FINALIZE_MARGIN_SECONDS": "0",
                "ARTSTORE_ADMIN_TRANSFER_MARGIN_SECONDS": "2",
                "ARTSTORE_ADMIN_TRANSACTION_PAUSE_SECONDS": "1",
                "ARTSTORE_ADMIN_TRANSACTION_ATTEMPTS": "200",
            }
        )
        settings = SystemSettings(
            default_ports={},
            environment=self.armed["admin"],
            elements=(
                Element("edit-01", "edit", self.armed["edit-01"]),
                Element("edit-02", "edit", self.armed["edit-02"]),
                Element("rw-01", "rw", self.armed["rw-01"]),
            ),
        )
        self.system = RunningSystem(tmp_path_factory.mktemp("killed-system"), settings)

    def arm(self, name: str, failpoint: str | None) -> None:
        """For the next start; None: nothing."""
        variable = ADMIN_FAILPOINTS if name == "admin" else ELEMENT_FAILPOINTS
        self.armed[name].pop(variable, None)
        if failpoint is not None:
            # One that does not exist would keep it from starting, which looks like a death.
            assert failpoint in (ADMIN_NAMES if name == "admin" else ELEMENT_NAMES)
            self.armed[name][variable] = f"{failpoint}=kill"

    async def restart(self, name: str) -> None:
        """Returns also where it dies before it is ready, at what is armed."""
        await self.system.kill(name)
        with suppress(LauncherError):
            await self.system.start(name)
        self.pids[name] = self.system.running_pid(name)

    async def begun_while_it_dies(
        self, name: str, failpoints: list[str], begin: Callable[[], Coroutine[Any, Any, dict[str, Any]]]
    ) -> dict[str, Any]:
        """The transaction, after the part has died at each of the failpoints, one after the other."""
        self.arm(name, failpoints[0])
        await self.restart(name)
        beginning = asyncio.create_task(begin())
        for following in [*failpoints[1:], None]:
            await self.dies(name, following)
        return await beginning

    async def compensate(self, transaction: dict[str, Any]) -> None:
        """As an operator, who tries again where the transaction went on at that moment."""
        operator = await self.system.administrator()
        url = f"{self.system.admin_url}/api/v1/transactions/{transaction['transaction_id']}/compensate"

        async def taken() -> bool:
            answer = await operator.http.post(url)
            assert answer.status_code in (200, 409), answer.text
            return answer.status_code == 200

        await eventually(taken, "it is not undone")

    async def told(self, transaction: dict[str, Any]) -> list[str]:
        """What the audit trail says of it, the oldest first."""
        administrator = await self.system.administrator()
        answer = await administrator.http.get(
            f"{self.system.admin_url}/api/v1/audit", params={"subject_id": transaction["transaction_id"]}
        )
        return [entry["action"] for entry in sorted(answer.json()["items"], key=lambda one: one["index"])]

    async def dies(self, name: str, following: str | None) -> None:
        """Waits for the death, and starts it again with what is armed next."""
        before = self.pids[name]
        if before is not None:  # else it died before it was ready
            await eventually(lambda: self.system.running_pid(name) != before, f"{name} does not die")
        self.arm(name, following)
        await self.restart(name)


async def at(account: Account, element_id: str, file_id: str) -> dict[str, Any] | None:
    answer = await AtElement(account, element_id).get(f"files/{file_id}")
    assert answer.status_code in (200, 404), answer.text
    document: dict[str, Any] = answer.json()
    return document if answer.status_code == 200 else None


async def is_finalized_once(account: Account, document: dict[str, Any], content: bytes) -> None:
    """One permanent copy, whole, and no other; the search shows it once."""
    wanted = {name: value for name, value in document.items() if name != "expires_at"}
    await _is_once(account, wanted | {"retention_policy": "permanent"}, content, "rw-01")


async def is_moved_once(account: Account, document: dict[str, Any], content: bytes) -> None:
    """One copy in the other element, whole and with all that it had, and no other; nobody holds it."""
    await _is_once(account, document, content, "edit-02")


async def _is_once(account: Account, wanted: dict[str, Any], content: bytes, element_id: str) -> None:
    file_id = wanted["file_id"]
    elements = account.system.element_urls
    found = {name: there for name in elements if (there := await at(account, name, file_id)) is not None}
    assert set(found) == {element_id}
    assert found == {element_id: wanted | {"updated_at": found[element_id]["updated_at"]}}
    answer = await account.download_when_ready(file_id)
    assert hashlib.sha256(answer.content).digest() == hashlib.sha256(content).digest()
    hit = await account.find(wanted["original_filename"], file_id)

    async def once() -> bool:
        answer = await account.search_page(wanted["original_filename"])
        hits = [] if answer.status_code != 200 else answer.json()["items"]
        return [one["element_id"] for one in hits if one["file_id"] == file_id] == [element_id]

    await eventually(once, f"the search shows {hit}")


async def is_as_it_was(account: Account, document: dict[str, Any]) -> None:
    file_id = document["file_id"]
    for element_id in ("rw-01", "edit-02"):
        assert await at(account, element_id, file_id) is None
    source = await at(account, "edit-01", file_id)
    assert source is not None
    assert source == document | {"updated_at": source["updated_at"]}
