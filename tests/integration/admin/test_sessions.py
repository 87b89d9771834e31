"""Sessions of people: gone on with by refresh tokens that are good once, and ended."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from uuid import uuid4

import httpx
import pytest

from artstore.admin.administrators.housekeeping import sweep
from artstore.kernel.database import Database

from .conftest import Admin
from .people import AUTH, COOKIE, USERS, Login, Person, first, kind, made, post, rows, told

ENDED = (401, "session-ended")


@pytest.fixture(scope="module")
def root(admin: Admin) -> Login:
    return first(admin).log_in()


@pytest.fixture
def person(root: Login) -> Person:
    return made(root)


def reasons(login: Login) -> list[str]:
    """Why the audit trail says that the session ended."""
    return [details["reason"] for _, details in told(login.admin, login.session_id, "session.ended")]


class TestRefresh:
    def test_gives_the_next_pair(self, person: Person) -> None:
        login = person.log_in()
        before = login.answer
        assert login.refresh().status_code == 200
        assert login.answer["session_id"] == before["session_id"]
        assert login.answer["access_token"] != before["access_token"]
        assert login.answer["refresh_token"] != before["refresh_token"]
        assert login.answer["session_expires_at"] == before["session_expires_at"]
        after_refresh, at_login = (
            datetime.fromisoformat(answer["refresh_expires_at"]) for answer in (login.answer, before)
        )
        assert after_refresh > at_login
        assert login.call("GET", f"{AUTH}/me").json()["id"] == person.id
        assert login.refresh().status_code == 200

    def test_a_replayed_token_ends_the_session(self, person: Person) -> None:
        other, login = person.log_in(), person.log_in()
        stolen = Login(login.admin, dict(login.answer))
        assert login.refresh().status_code == 200
        assert kind(stolen.refresh()) == ENDED
        assert kind(login.refresh()) == ENDED
        assert reasons(login) == ["refresh_token_reused"]
        assert "a refresh token was used twice" in person.admin.log()
        assert other.refresh().status_code == 200

    def test_an_old_token_of_any_age_ends_it(self, person: Person) -> None:
        login = person.log_in()
        oldest = Login(login.admin, dict(login.answer))
        for _ in range(3):
            assert login.refresh().status_code == 200
        assert kind(oldest.refresh()) == ENDED
        assert kind(login.refresh()) == ENDED

    def test_in_a_cookie(self, person: Person) -> None:
        with httpx.Client(base_url=person.admin.url, timeout=30) as browser:
            body = {"username": person.username, "password": person.password}
            first_answer = browser.post(f"{AUTH}/login", json=body)
            token = browser.cookies[COOKIE]
            answer = browser.post(f"{AUTH}/refresh")
            assert answer.json()["session_id"] == first_answer.json()["session_id"]
            assert answer.json()["refresh_token"] is None
            assert browser.cookies[COOKIE] != token
            browser.cookies.set(COOKIE, token, path=AUTH)
            url = f"{person.admin.url}{AUTH}/refresh"
            refused = httpx.post(url, headers={"Cookie": f"{COOKIE}={token}"}, timeout=30)
        assert kind(refused) == ENDED
        assert f'{COOKIE}=""' in refused.headers["Set-Cookie"]
        assert "Max-Age=0" in refused.headers["Set-Cookie"]

    @pytest.mark.parametrize("token", ["", "x", "\0", "x" * 256, "Ы" * 40])
    def test_what_is_no_token(self, admin: Admin, token: str) -> None:
        assert kind(post(admin, "refresh", {"refresh_token": token})) == ENDED

    def test_no_token_at_all(self, admin: Admin) -> None:
        assert kind(admin.http.post(f"{AUTH}/refresh")) == ENDED
        assert kind(post(admin, "refresh", {})) == ENDED
        assert post(admin, "refresh", {"refresh_token": "x" * 257}).status_code == 422
        assert post(admin, "refresh", ["x"]).status_code == 422

    def test_an_access_token_is_no_refresh_token(self, person: Person) -> None:
        assert (
            kind(
                post(person.admin, "refresh", {"refresh_token": person.log_in().answer["access_token"][:256]})
            )
            == ENDED
        )

    @pytest.mark.parametrize("end", ["idle_expires_at", "expires_at"])
    def test_after_its_time(self, person: Person, end: str) -> None:
        login = person.log_in()
        rows(
            person.admin,
            f"UPDATE admin.administrator_sessions SET {end} = now() - interval '1 s' WHERE id = %s",
            login.session_id,
        )
        assert kind(login.call("GET", f"{AUTH}/me")) == ENDED
        assert kind(login.refresh()) == ENDED

    def test_the_access_token_never_outlives_the_session(self, person: Person) -> None:
        login = person.log_in()
        rows(
            person.admin,
            "UPDATE admin.administrator_sessions SET expires_at = now() + interval '90 s' WHERE id = %s",
            login.session_id,
        )
        assert login.refresh().status_code == 200
        assert login.answer["expires_in"] <= 90
        assert login.answer["refresh_expires_at"] == login.answer["session_expires_at"]

    def test_two_processes_grant_one_of_many(self, admin: Admin, beside: Admin, person: Person) -> None:
        one, two = admin, beside
        login = person.log_in()
        copies = [Login(one, dict(login.answer)) for _ in range(12)]
        with ThreadPoolExecutor(12) as pool:
            answers = list(
                pool.map(lambda n: copies[n].refresh(at=(one, two)[n % 2]).status_code, range(len(copies)))
            )
        assert sorted(answers) == [200] + 11 * [401]
        [granted] = [copy for copy, status in zip(copies, answers, strict=True) if status == 200]
        assert kind(granted.refresh(at=two)) == ENDED
        assert reasons(login) == ["refresh_token_reused"]


class TestEnded:
    def test_by_logout(self, person: Person) -> None:
        login = person.log_in()
        for _ in range(2):
            assert post(person.admin, "logout", {"refresh_token": login.refresh_token}).status_code == 204
        assert kind(login.refresh()) == ENDED
        assert reasons(login) == ["logout"]

    def test_by_logout_of_a_browser(self, person: Person) -> None:
        with httpx.Client(base_url=person.admin.url, timeout=30) as browser:
            body = {"username": person.username, "password": person.password}
            assert browser.post(f"{AUTH}/login", json=body).status_code == 200
            assert browser.post(f"{AUTH}/logout").status_code == 204
            assert COOKIE not in browser.cookies
            assert kind(browser.post(f"{AUTH}/refresh")) == ENDED

    def test_by_the_person(self, person: Person) -> None:
        here, there = person.log_in(), person.log_in()
        listed = here.call("GET", f"{AUTH}/sessions").json()["items"]
        assert [(one["id"], one["current"]) for one in listed] == [
            (there.session_id, False),
            (here.session_id, True),
        ]
        assert {one["address"] for one in listed} == {person.address}
        assert all(one["user_agent"].startswith("python-httpx") for one in listed)
        assert here.call("DELETE", f"{AUTH}/sessions/{there.session_id}").status_code == 204
        assert kind(here.call("DELETE", f"{AUTH}/sessions/{there.session_id}")) == (404, "not-found")
        assert kind(there.refresh()) == ENDED
        assert reasons(there) == ["ended"]
        assert here.refresh().status_code == 200

    def test_nobody_ends_those_of_others(self, root: Login, person: Person) -> None:
        login = person.log_in()
        assert kind(login.call("DELETE", f"{AUTH}/sessions/{root.session_id}")) == (404, "not-found")
        assert kind(login.call("DELETE", f"{AUTH}/sessions/{uuid4()}")) == (404, "not-found")
        assert root.call("GET", f"{AUTH}/me").status_code == 200

    def test_but_a_super_admin(self, root: Login, person: Person) -> None:
        logins = [person.log_in() for _ in range(3)]
        path = f"{USERS}/{person.id}/sessions"
        assert len(root.call("GET", path).json()["items"]) == 3
        assert root.call("DELETE", f"{path}/{logins[0].session_id}").status_code == 204
        assert kind(root.call("DELETE", f"{path}/{logins[0].session_id}")) == (404, "not-found")
        assert len(root.call("GET", path).json()["items"]) == 2
        assert root.call("DELETE", path).status_code == 204
        assert root.call("GET", path).json()["items"] == []
        assert {kind(login.refresh()) for login in logins} == {ENDED}
        [(actor, _)] = told(person.admin, logins[1].session_id, "session.ended")
        assert actor == "first"

    def test_its_token_changes_no_administrator_any_more(self, root: Login) -> None:
        """From that moment on, also before the end of the token was heard of."""
        login = made(root, "SUPER_ADMIN").log_in()
        post(root.admin, "logout", {"refresh_token": login.refresh_token})
        refused = {ENDED, (401, "unauthenticated")}
        assert kind(login.call("POST", USERS, {"username": f"a{secrets.token_hex(4)}"})) in refused
        assert kind(login.call("PATCH", f"{USERS}/{uuid4()}", {})) in refused
        assert kind(login.call("GET", f"{AUTH}/sessions")) in refused

    def test_the_oldest_goes_for_the_twenty_first(self, person: Person) -> None:
        logins = [person.log_in() for _ in range(21)]
        assert len(logins[-1].call("GET", f"{AUTH}/sessions").json()["items"]) == 20
        assert reasons(logins[0]) == ["too_many"]
        assert logins[1].refresh().status_code == 200

    async def test_are_swept_away_after_a_day(self, person: Person) -> None:
        over, live = person.log_in(), person.log_in()
        rows(
            person.admin,
            "UPDATE admin.administrator_sessions SET expires_at = now() - interval '25 hours' WHERE id = %s",
            over.session_id,
        )
        rows(person.admin, "UPDATE admin.login_attempts SET last_attempt_at = now() - interval '3 days'")
        database = Database(person.admin.backends.database_url, application_name="test")
        await sweep(database)
        await database.close()
        left = rows(
            person.admin,
            "SELECT s.id::text, count(t.*) FROM admin.administrator_sessions s"
            " LEFT JOIN admin.administrator_refresh_tokens t ON t.session_id = s.id"
            " WHERE administrator_id = %s GROUP BY s.id",
            person.id,
        )
        assert left == [(live.session_id, 1)]
        assert rows(person.admin, "SELECT * FROM admin.login_attempts") == []


def test_tokens_are_kept_as_hashes_only(person: Person) -> None:
    login = person.log_in()
    kept = rows(
        person.admin,
        "SELECT token_hash FROM admin.administrator_refresh_tokens WHERE session_id = %s",
        login.session_id,
    )
    assert [len(bytes(token_hash)) for (token_hash,) in kept] == [32]
    assert login.refresh_token not in person.admin.log()
    assert login.answer["access_token"] not in person.admin.log()
