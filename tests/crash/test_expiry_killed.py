"""An element is killed between the report of what expires and its removal, and while it removes it: the document
goes all the same, and the audit trail has it once.
"""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from artstore.attributes import new_file_id
from artstore.launcher.errors import CannotStart
from tests.support.element_stand import ElementProcess, ElementStand
from tests.support.expiring import OVER
from tests.support.system import eventually

LATE = {"ARTSTORE_STORAGE_EXPIRY_SECONDS": "86400"}
SOON = {"ARTSTORE_STORAGE_EXPIRY_SECONDS": "1"}


async def stored(element: ElementProcess, http: httpx.AsyncClient) -> str:
    """A document whose time is over."""
    file_id = str(new_file_id(datetime.now(UTC) - OVER))
    answer = await http.post(
        f"{element.url}/api/v1/files/upload",
        data={"retention_policy": "temporary", "ttl_days": "1"},
        files={"file": ("over.txt", b"content")},
        headers={"X-File-Id": file_id},
    )
    assert answer.status_code == 201, answer.text
    return file_id


async def trail(stand: ElementStand, http: httpx.AsyncClient, file_id: str) -> list[Any]:
    answer = await http.get(f"{stand.admin_url}/api/v1/audit", params={"subject_id": file_id})
    assert answer.status_code == 200, answer.text
    return [entry["action"] for entry in answer.json()["items"]]


@pytest.mark.parametrize("failpoint", ["log.before_write", "log.before_flush", "log.after_flush"])
async def test_is_removed_and_told_once(stand: ElementStand, failpoint: str) -> None:
    element = stand.element(f"expiry-{failpoint.rpartition('_')[2]}")
    async with httpx.AsyncClient(timeout=30) as http:
        http.headers["Authorization"] = f"Bearer {await stand.token()}"
        await element.start(settings=LATE)
        file_id = await stored(element, http)
        await element.stop()
        with suppress(CannotStart):  # where it dies before it is seen to be ready
            await element.start(f"{failpoint}=kill@1", settings=SOON)
        await element.died()
        assert await trail(stand, http, file_id) == ["document.expired"]
        await element.start(settings=SOON)

        async def gone() -> bool:
            return (await http.get(f"{element.url}/api/v1/files/{file_id}")).status_code == 404

        await eventually(gone, "the document is not removed")
        assert await trail(stand, http, file_id) == ["document.expired"]
        await element.stop()
