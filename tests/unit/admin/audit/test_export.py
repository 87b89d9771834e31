"""The audit trail as CSV: for people, who open it in a spreadsheet."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from artstore.admin.audit.export import as_csv
from artstore.admin.audit.repository import StoredEntry


async def exported(subject_id: str, details: dict[str, Any]) -> dict[str, str]:
    actor = dict.fromkeys(("kind", "id", "name", "address", "request_id"))
    entry: dict[str, Any] = {
        "index": 7,
        "at": "2026-11-26T12:00:00Z",
        "action": "key.created",
        "outcome": "done",
        "actor": actor,
        "subject": {"kind": "key", "id": subject_id},
        "details": details,
    }

    async def pages() -> AsyncIterator[list[StoredEntry]]:
        yield [StoredEntry(entry, b"\0" * 32, datetime.now(UTC))]

    [row] = csv.DictReader(io.StringIO("".join([part async for part in as_csv(pages())]), newline=""))
    return row


@pytest.mark.parametrize("text", ["=1+1", "-cmd", "+7", "@SUM(A1)", "\tx", "\rx"])
async def test_nothing_is_a_formula(text: str) -> None:
    """The id of a key may begin with a hyphen as well."""
    assert (await exported(text, {}))["subject_id"] == f"'{text}"


async def test_everything_else_stays() -> None:
    text = 'a "quoted", long\r\nname, Ы'
    row = await exported(text, {"name": text})
    assert (row["index"], row["actor_id"], row["subject_id"]) == ("7", "", text)
