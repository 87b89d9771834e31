"""What elements report of documents: each comes into the audit trail once, and none by a wrong clock."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from .conftest import AUDIT_PATH as AUDIT
from .conftest import Admin

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC).isoformat()


@pytest.fixture
def file_id() -> str:
    return str(uuid4())


def expiry(*file_ids: str, at: datetime | None = None, **more: Any) -> dict[str, Any]:
    documents = [{"file_id": each, "owner_id": "o", "expires_at": NOW} for each in file_ids]
    return {
        "element_id": "edit-01",
        "at": (at or datetime.now(UTC)).isoformat(),
        "documents": documents,
        **more,
    }


def hold(file_id: str, action: str = "document.held", **more: Any) -> dict[str, Any]:
    return {
        "action": action,
        "element_id": "edit-01",
        "file_id": file_id,
        "owner_id": "o",
        "since": NOW,
        "reason": "case 12/26",
        "account_id": "a",
        "account_name": "legal",
        "request_id": "r",
        **more,
    }


def send(admin: Admin, what: str, report: dict[str, Any]) -> httpx.Response:
    return admin.http.post(f"{AUDIT}/{what}", json=report, headers=admin.headers(admin.services))


def actions(admin: Admin, file_id: str) -> list[str]:
    params = {"subject_id": file_id, "order": "oldest"}
    answer = admin.http.get(AUDIT, params=params, headers=admin.headers())
    assert answer.status_code == 200, answer.text
    return [entry["action"] for entry in answer.json()["items"]]


class TestExpiries:
    def test_again_changes_nothing(self, admin: Admin, file_id: str) -> None:
        other = str(uuid4())
        assert send(admin, "expiries", expiry(file_id)).status_code == 204
        assert send(admin, "expiries", expiry(file_id, other, file_id)).status_code == 204
        assert actions(admin, file_id) == actions(admin, other) == ["document.expired"]

    def test_of_several_at_once_one_is_told(self, admin: Admin, file_id: str) -> None:
        headers = admin.headers(admin.services)

        def post(_: int) -> int:
            answer = admin.http.post(f"{AUDIT}/expiries", json=expiry(file_id), headers=headers)
            return answer.status_code

        with ThreadPoolExecutor(8) as threads:
            assert set(threads.map(post, range(8))) == {204}
        assert actions(admin, file_id) == ["document.expired"]

    def test_after_a_hold_it_is_told_again(self, admin: Admin, file_id: str) -> None:
        for what, report in (
            ("expiries", expiry(file_id)),
            ("holds", hold(file_id)),
            ("holds", hold(file_id, "document.released")),
            ("expiries", expiry(file_id)),
        ):
            assert send(admin, what, report).status_code == 204
        assert actions(admin, file_id) == [
            "document.expired",
            "document.held",
            "document.released",
            "document.expired",
        ]

    @pytest.mark.parametrize("apart", [timedelta(minutes=6), timedelta(days=-365), timedelta(days=3650)])
    def test_by_a_wrong_clock_nothing_goes(self, admin: Admin, file_id: str, apart: timedelta) -> None:
        answer = send(admin, "expiries", expiry(file_id, at=datetime.now(UTC) + apart))
        assert answer.status_code == 422
        assert answer.json()["field"] == "at"
        assert "clocks" in answer.json()["detail"]
        assert actions(admin, file_id) == []

    @pytest.mark.parametrize("report", [expiry(), expiry("x"), expiry(at=datetime.max.replace(tzinfo=UTC))])
    def test_senseless_ones(self, admin: Admin, report: dict[str, Any]) -> None:
        assert send(admin, "expiries", report).status_code == 422


class TestHolds:
    def test_again_changes_nothing(self, admin: Admin, file_id: str) -> None:
        for action in ("document.held", "document.released"):
            for _ in range(2):
                assert send(admin, "holds", hold(file_id, action)).status_code == 204
        assert actions(admin, file_id) == ["document.held", "document.released"]

    def test_another_one_is_told(self, admin: Admin, file_id: str) -> None:
        assert send(admin, "holds", hold(file_id)).status_code == 204
        later = hold(file_id, since=datetime.now(UTC).isoformat(), account_kind="administrator")
        assert send(admin, "holds", later).status_code == 204
        assert actions(admin, file_id) == ["document.held", "document.held"]

    @pytest.mark.parametrize(
        "wrong", [{"action": "account.deleted"}, {"reason": "a\0b"}, {"since": "soon"}, {"owner_id": None}]
    )
    def test_senseless_ones(self, admin: Admin, file_id: str, wrong: dict[str, Any]) -> None:
        assert send(admin, "holds", hold(file_id, **wrong)).status_code == 422


@pytest.mark.parametrize("what", ["expiries", "holds"])
def test_only_services_report(admin: Admin, file_id: str, what: str) -> None:
    report = expiry(file_id) if what == "expiries" else hold(file_id)
    answer = admin.http.post(f"{AUDIT}/{what}", json=report, headers=admin.headers())
    assert answer.status_code == 403
