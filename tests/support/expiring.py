"""Documents whose time is over as soon as they are stored: a temporary one is kept for a day at least, and the
id that an upload brings along may be older.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from artstore.attributes import new_file_id
from tests.support.elements import AtElement
from tests.support.redis import redis_of
from tests.support.system import RunningSystem, eventually

OVER = timedelta(hours=24, minutes=30)


async def upload_aged(at: AtElement, age: timedelta = OVER, **fields: str) -> httpx.Response:
    """Of a document that was made so long ago and is kept for a day, if nothing else is said."""
    file_id = new_file_id(datetime.now(UTC) - age)
    data = {"retention_policy": "temporary", "ttl_days": "1"} | fields
    return await at.ask(
        "POST",
        "files/upload",
        data=data,
        files={"file": ("over.txt", b"content")},
        headers={"X-File-Id": str(file_id)},
    )


async def expired(at: AtElement) -> dict[str, Any]:
    """A document whose time is over, which may be gone already."""
    answer = await upload_aged(at)
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def is_removed(at: AtElement, file_id: str) -> None:
    async def gone() -> bool:
        return (await at.get(f"files/{file_id}")).status_code == 404

    await eventually(gone, "the document is not removed")


async def trail_of(system: RunningSystem, file_id: str) -> list[dict[str, Any]]:
    """What the audit trail says of a document, the oldest first."""
    administrator = await system.administrator()
    answer = await administrator.http.get(
        f"{system.admin_url}/api/v1/audit", params={"subject_id": file_id, "order": "oldest"}
    )
    assert answer.status_code == 200, answer.text
    entries: list[dict[str, Any]] = answer.json()["items"]
    return entries


async def notices_of(system: RunningSystem) -> list[dict[str, Any]]:
    async with redis_of(system) as redis:
        entries = await redis.xrange("artstore:expiring:edit-01")
    return [json.loads(fields[b"event"]) for _, fields in entries or () if fields]


async def told(system: RunningSystem, document: dict[str, Any]) -> None:
    """Until those who follow were told when this document expires."""
    wanted = (document["file_id"], document["expires_at"])

    async def is_there() -> bool:
        return wanted in [(notice["file_id"], notice["expires_at"]) for notice in await notices_of(system)]

    await eventually(is_there, "nobody is told that a document expires")
