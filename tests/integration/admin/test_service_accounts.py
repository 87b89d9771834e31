"""``/api/v1/service-accounts`` over HTTP."""

import re
import secrets
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import pytest

from artstore.wire.scopes import ROLE_SCOPES, Role

from .conftest import ACCOUNTS_PATH, Admin, libpq, some_name


class TestCreate:
    @pytest.mark.parametrize("role", list(Role))
    def test_answer(self, admin: Admin, role: Role) -> None:
        name = some_name()
        answer = admin.http.post(ACCOUNTS_PATH, json={"name": name, "role": role}, headers=admin.headers())
        assert answer.status_code == 201
        created = answer.json()
        assert answer.headers["Location"] == f"{ACCOUNTS_PATH}/{created['id']}"
        assert answer.headers["Cache-Control"] == "no-store"
        assert re.fullmatch(rf"sa_{name.replace(' ', '-')}_[0-9a-f]{{12}}", created["client_id"])
        assert (created["name"], created["role"], created["is_system"]) == (name, role, False)
        assert set(created["scopes"]) == ROLE_SCOPES[role]
        token = admin.ask_token((created["client_id"], created["client_secret"]))
        assert set(token.json()["scope"].split()) == ROLE_SCOPES[role]

    def test_role_defaults_to_user(self, admin: Admin) -> None:
        answer = admin.http.post(ACCOUNTS_PATH, json={"name": some_name()}, headers=admin.headers())
        assert answer.json()["role"] == "USER"

    def test_name_in_another_script(self, admin: Admin) -> None:
        created = admin.new_account(f"Бухгалтерия {secrets.token_hex(4)}")
        assert created.client_id.isascii()
        assert admin.ask_token((created.client_id, created.client_secret)).status_code == 200

    def test_taken_name(self, admin: Admin) -> None:
        taken = admin.new_account(some_name())
        answer = admin.http.post(ACCOUNTS_PATH, json={"name": taken.name}, headers=admin.headers())
        assert (answer.status_code, answer.json()["field"]) == (409, "name")
        assert answer.json()["type"] == "urn:artstore:problem:conflict"
        assert taken.name in answer.json()["detail"]

    def test_same_name_at_once(self, admin: Admin) -> None:
        headers, body = admin.headers(), {"name": some_name()}
        with ThreadPoolExecutor(8) as pool:
            answers = list(
                pool.map(lambda _: admin.http.post(ACCOUNTS_PATH, json=body, headers=headers), range(8))
            )
        assert sorted(answer.status_code for answer in answers) == [201] + 7 * [409]

    @pytest.mark.parametrize(
        "name", ["", " leading", "a" * 65, "../etc", "a/b", "a\0b", "a\nb", 'a"b', None, 5]
    )
    def test_bad_name(self, admin: Admin, name: object) -> None:
        answer = admin.http.post(ACCOUNTS_PATH, json={"name": name}, headers=admin.headers())
        assert (answer.status_code, answer.json()["field"]) == (422, "name")

    def test_unknown_role(self, admin: Admin) -> None:
        body = {"name": some_name(), "role": "EMPEROR"}
        answer = admin.http.post(ACCOUNTS_PATH, json=body, headers=admin.headers())
        assert (answer.status_code, answer.json()["field"]) == (422, "role")

    def test_secret_is_kept_as_a_hash_only(self, admin: Admin) -> None:
        created = admin.new_account(some_name())
        with psycopg.connect(libpq(admin.backends.database_url)) as connection:
            rows = connection.execute(
                "SELECT secret_hash FROM admin.client_secrets WHERE account_id = %s", (created.id,)
            ).fetchall()
        assert [secret_hash.startswith("$2b$") for (secret_hash,) in rows] == [True]
        assert created.client_secret not in admin.log()


class TestRead:
    def test_one(self, admin: Admin) -> None:
        created = admin.new_account(some_name())
        answer = admin.http.get(f"{ACCOUNTS_PATH}/{created.id}", headers=admin.headers())
        assert answer.json() == created.model_dump(mode="json", exclude={"client_secret"})

    def test_unknown(self, admin: Admin) -> None:
        answer = admin.http.get(f"{ACCOUNTS_PATH}/{uuid4()}", headers=admin.headers())
        assert answer.status_code == 404
        assert answer.headers["Content-Type"] == "application/problem+json"

    def test_not_an_id(self, admin: Admin) -> None:
        answer = admin.http.get(f"{ACCOUNTS_PATH}/billing", headers=admin.headers())
        assert (answer.status_code, answer.json()["field"]) == (422, "account_id")


class TestList:
    def test_pages_hold_every_account_once_in_order(self, admin: Admin) -> None:
        created = [admin.new_account(some_name()) for _ in range(5)]
        seen, cursor = [], None
        while True:
            parameters = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
            page = admin.http.get(ACCOUNTS_PATH, params=parameters, headers=admin.headers()).json()
            assert 1 <= len(page["items"]) <= 2
            seen += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        ids = [account["id"] for account in seen]
        assert len(ids) == len(set(ids))
        assert [i for i in ids if i in {str(a.id) for a in created}] == [str(a.id) for a in created]
        assert "administrator" in {account["name"] for account in seen}
        assert not any("client_secret" in account or "secret_hash" in account for account in seen)

    @pytest.mark.parametrize("cursor", ["", "!", "YWJj", "АБВ", "\0", "a" * 500])
    def test_bad_cursor(self, admin: Admin, cursor: str) -> None:
        answer = admin.http.get(ACCOUNTS_PATH, params={"cursor": cursor}, headers=admin.headers())
        assert (answer.status_code, answer.json()["field"]) == (400, "cursor")

    @pytest.mark.parametrize("limit", ["0", "501", "many"])
    def test_bad_limit(self, admin: Admin, limit: str) -> None:
        answer = admin.http.get(ACCOUNTS_PATH, params={"limit": limit}, headers=admin.headers())
        assert (answer.status_code, answer.json()["field"]) == (422, "limit")


class TestAccess:
    def test_without_token(self, admin: Admin) -> None:
        for answer in (admin.http.get(ACCOUNTS_PATH), admin.http.post(ACCOUNTS_PATH, json={"name": "x"})):
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")

    def test_reading_needs_accounts_read(self, admin: Admin) -> None:
        account = admin.new_account(some_name())
        headers = admin.headers((account.client_id, account.client_secret))
        assert admin.http.get(ACCOUNTS_PATH, headers=headers).status_code == 403
        assert admin.http.get(f"{ACCOUNTS_PATH}/{account.id}", headers=headers).status_code == 403

    def test_creating_needs_accounts_write(self, admin: Admin) -> None:
        headers = admin.headers(scope="accounts:read")
        answer = admin.http.post(ACCOUNTS_PATH, json={"name": some_name()}, headers=headers)
        assert (answer.status_code, answer.json()["required_scope"]) == (403, "accounts:write")
