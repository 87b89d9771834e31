"""Announcements between releases: what one does not know of, the other does without."""

import json
from typing import Any

from pydantic import BaseModel

from artstore.wire.elements import CapacityStatus, ElementAnnouncement

BEFORE: dict[str, Any] = {
    "element_id": "rw-01",
    "url": "http://127.0.0.1:8011",
    "mode": "rw",
    "capacity_bytes": 1000,
    "used_bytes": 10,
    "free_bytes": 990,
    "documents": 1,
    "last_lsn": 7,
    "health": "ok",
    "max_file_bytes": 500,
    "started_at": "2026-11-23T12:00:00Z",
    "announced_at": "2026-11-23T12:00:05Z",
}
"""As an element announces itself that does not know of the status of its room."""


class ReaderBefore(BaseModel):
    """Who reads announcements and does not know of it either."""

    element_id: str
    free_bytes: int
    health: str


def test_an_announcement_without_the_status_is_one_with_room() -> None:
    read = ElementAnnouncement.model_validate_json(json.dumps(BEFORE))
    assert read.capacity_status is CapacityStatus.OK


def test_a_reader_that_does_not_know_the_status_reads_the_rest() -> None:
    announced = ElementAnnouncement.model_validate(BEFORE | {"capacity_status": "full"})
    assert json.loads(announced.model_dump_json())["capacity_status"] == "full"
    assert ReaderBefore.model_validate_json(announced.model_dump_json()).free_bytes == 990
