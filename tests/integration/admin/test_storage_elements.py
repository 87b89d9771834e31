"""The registry of elements: fed by announcements in Redis, kept in PostgreSQL, read over HTTP."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import redis as redis_client

from artstore.wire.elements import (
    ANNOUNCEMENT_EXPIRES_SECONDS,
    ELEMENTS_CHANNEL,
    ELEMENTS_KEY,
    CapacityStatus,
    ElementAnnouncement,
    ElementHealth,
    Mode,
    announcement_key,
)
from tests.support.system import PATIENCE_SECONDS

from .conftest import AUDIT_PATH, ELEMENTS_PATH, Admin, Backends, StartAdmin

Announce = Callable[..., ElementAnnouncement]


@pytest.fixture
def announce(backends: Backends) -> Iterator[Announce]:
    """Announces an element as elements do."""
    with redis_client.Redis.from_url(backends.redis.url) as client:

        def announced(element_id: str, **changes: Any) -> ElementAnnouncement:
            announcement = _announcement(element_id, **changes)
            value = announcement.model_dump_json()
            client.sadd(ELEMENTS_KEY, element_id)
            client.set(announcement_key(element_id), value, ex=ANNOUNCEMENT_EXPIRES_SECONDS)
            client.publish(ELEMENTS_CHANNEL, value)
            return announcement

        yield announced


def _announcement(element_id: str, **changes: Any) -> ElementAnnouncement:
    now = datetime.now(UTC)
    values = {
        "element_id": element_id,
        "url": f"http://127.0.0.1:8010/{element_id}",
        "mode": Mode.EDIT,
        "capacity_bytes": 10**15,
        "used_bytes": 1,
        "free_bytes": 10**15 - 1,
        "documents": 1,
        "last_lsn": 2**40,
        "health": ElementHealth.OK,
        "max_file_bytes": 2**40,
        "started_at": now,
        "announced_at": now,
    }
    return ElementAnnouncement.model_validate(values | changes)


def listed(admin: Admin) -> dict[str, ElementAnnouncement]:
    """What is announced, without what was decided."""
    answer = admin.http.get(ELEMENTS_PATH, headers=admin.headers(admin.services))
    assert answer.status_code == 200, answer.text
    items = [ElementAnnouncement.model_validate(item) for item in answer.json()["items"]]
    return {item.element_id: item for item in items}


def wait_until(condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)


class TestRegistry:
    def test_announced_element_is_listed_and_follows_its_changes(
        self, start_admin: StartAdmin, backends: Backends, announce: Announce
    ) -> None:
        admin = start_admin(backends)
        first = announce("edit-01")
        wait_until(lambda: listed(admin).get("edit-01") == first)
        changed = announce(
            "edit-01",
            mode=Mode.RO,
            free_bytes=0,
            capacity_status=CapacityStatus.FULL,
            health=ElementHealth.DEGRADED,
        )
        wait_until(lambda: listed(admin)["edit-01"] == changed)
        one = admin.http.get(f"{ELEMENTS_PATH}/edit-01", headers=admin.headers())
        assert ElementAnnouncement.model_validate(one.json()) == changed
        trail = admin.http.get(AUDIT_PATH, params={"subject_id": "edit-01"}, headers=admin.headers()).json()
        assert [(entry["action"], entry["details"]) for entry in trail["items"]] == [
            ("element.mode_changed", {"before": "edit", "mode": "ro", "url": changed.url}),
            ("element.registered", {"mode": "edit", "url": first.url}),
        ]

    def test_survives_redis_and_a_restart(
        self, start_admin: StartAdmin, backends: Backends, announce: Announce
    ) -> None:
        admin = start_admin(backends)
        known = announce("edit-01")
        wait_until(lambda: "edit-01" in listed(admin))
        backends.redis.stop()
        assert listed(admin) == {"edit-01": known}
        admin.service.kill()
        admin.service.start()
        assert listed(admin) == {"edit-01": known}

    def test_older_announcement_does_not_replace_a_newer(
        self, start_admin: StartAdmin, backends: Backends, announce: Announce
    ) -> None:
        admin = start_admin(backends)
        newer = announce("edit-01")
        wait_until(lambda: listed(admin).get("edit-01") == newer)
        admin.service.stop()
        announce("edit-01", announced_at=datetime(2020, 1, 1, tzinfo=UTC), mode=Mode.RO)
        admin.service.start()
        marker = announce("rw-01")
        wait_until(lambda: listed(admin).get("rw-01") == marker)
        assert listed(admin)["edit-01"] == newer

    def test_silent_elements_are_away(
        self, start_admin: StartAdmin, backends: Backends, announce: Announce
    ) -> None:
        """Those that fell silent while Admin listened, and those that did so while Admin was down."""
        admin = start_admin(backends)
        announce("before")
        wait_until(lambda: "before" in listed(admin))
        admin.service.stop()
        with redis_client.Redis.from_url(backends.redis.url) as client:
            client.delete(announcement_key("before"))
        announce("after")
        admin.service.start()
        wait_until(
            lambda: {element.health for element in listed(admin).values()} == {ElementHealth.AWAY},
            seconds=3 * ANNOUNCEMENT_EXPIRES_SECONDS,
        )
        back = announce("before")
        wait_until(lambda: listed(admin)["before"] == back)


class TestHttp:
    def test_pages(self, start_admin: StartAdmin, backends: Backends, announce: Announce) -> None:
        ids = [f"element-{number}" for number in range(5)]
        admin = start_admin(backends)
        for element_id in reversed(ids):
            announce(element_id)
        wait_until(lambda: list(listed(admin)) == ids)
        seen, cursor = [], None
        while True:
            parameters = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
            page = admin.http.get(ELEMENTS_PATH, params=parameters, headers=admin.headers()).json()
            seen += [item["element_id"] for item in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert seen == ids

    @pytest.mark.parametrize("element_id", ["nowhere", "%D1%8D", "a%2Fb"])
    def test_unknown(self, admin: Admin, element_id: str) -> None:
        answer = admin.http.get(f"{ELEMENTS_PATH}/{element_id}", headers=admin.headers())
        assert answer.status_code == 404

    def test_id_that_no_element_can_have(self, admin: Admin) -> None:
        answer = admin.http.get(f"{ELEMENTS_PATH}/a%00b", headers=admin.headers())
        assert answer.status_code == 422

    def test_bad_cursor(self, admin: Admin) -> None:
        answer = admin.http.get(ELEMENTS_PATH, params={"cursor": "AA"}, headers=admin.headers())
        assert answer.status_code == 400

    def test_needs_elements_read(self, admin: Admin) -> None:
        assert admin.http.get(ELEMENTS_PATH).status_code == 401
        headers = admin.headers(scope="files:read")
        for path in (ELEMENTS_PATH, f"{ELEMENTS_PATH}/edit-01"):
            assert admin.http.get(path, headers=headers).status_code == 403
