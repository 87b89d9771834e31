"""``/api/v1/admin-users``: administrators as others see and change them."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx
import pytest

from artstore.wire.scopes import ADMINISTRATOR_SCOPES, AdministratorRole

from .conftest import ACCOUNTS_PATH, Admin
from .people import AUTH, USERS, Login, Person, first, invited, kind, made, rows, told


@pytest.fixture(scope="module")
def root(admin: Admin) -> Login:
    return first(admin).log_in()


@pytest.fixture
def person(root: Login) -> Person:
    return made(root)


def some_username() -> str:
    return f"someone.{secrets.token_hex(5)}"


class TestCreate:
    def test_answer(self, root: Login) -> None:
        name = some_username()
        answer = root.call(
            "POST", USERS, {"username": name.upper(), "role": "ADMIN", "full_name": "Ада Лавлейс"}
        )
        assert answer.status_code == 201
        created = answer.json()
        assert answer.headers["Location"] == f"{USERS}/{created['id']}"
        assert answer.headers["Cache-Control"] == "no-store"
        assert (created["username"], created["full_name"], created["role"]) == (name, "Ада Лавлейс", "ADMIN")
        assert (created["has_password"], created["has_second_factor"], created["is_active"]) == (
            False,
            False,
            True,
        )
        read = root.call("GET", f"{USERS}/{created['id']}").json()
        assert read == {name: value for name, value in created.items() if not name.startswith("reset_code")}
        [(actor, details)] = told(root.admin, created["id"], "administrator.created")
        assert (actor, details) == ("first", {"username": name, "role": "ADMIN"})

    def test_the_role_defaults_to_the_least(self, root: Login) -> None:
        assert root.call("POST", USERS, {"username": some_username()}).json()["role"] == "READONLY"

    def test_taken_name(self, root: Login, person: Person) -> None:
        answer = root.call("POST", USERS, {"username": person.username.upper()})
        assert kind(answer) == (409, "conflict")
        assert answer.json()["field"] == "username"

    def test_same_name_at_once(self, root: Login) -> None:
        body = {"username": some_username()}
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda _: root.call("POST", USERS, body).status_code, range(6)))
        assert sorted(answers) == [201] + 5 * [409]

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("username", ""),
            ("username", "a"),
            ("username", "a" * 65),
            ("username", "-a"),
            ("username", "a b"),
            ("username", "имя"),
            ("username", "a\0b"),
            ("username", "aa\n"),
            ("username", 5),
            ("role", "EMPEROR"),
            ("role", "USER"),
            ("full_name", "a\0b"),
            ("full_name", "a" * 129),
            ("password", "quiet-otter-lends-ladders"),
        ],
    )
    def test_bad_values(self, root: Login, field: str, value: object) -> None:
        answer = root.call("POST", USERS, {"username": some_username()} | {field: value})
        assert (answer.status_code, answer.json()["field"]) == (422, field)


class TestRead:
    def test_pages(self, root: Login) -> None:
        made_now = [invited(root)[0].id for _ in range(5)]
        found, cursor = [], ""
        while cursor is not None:
            page = root.call("GET", f"{USERS}?limit=2" + (f"&cursor={cursor}" if cursor else "")).json()
            assert len(page["items"]) <= 2
            found += [item["id"] for item in page["items"]]
            cursor = page["next_cursor"]
        assert found == sorted(found)
        assert set(made_now) <= set(found)

    @pytest.mark.parametrize("query", ["cursor=x", "cursor=AAAA", "limit=0", "limit=501", "limit=x"])
    def test_bad_questions(self, root: Login, query: str) -> None:
        assert root.call("GET", f"{USERS}?{query}").status_code in (400, 422)

    def test_unknown(self, root: Login) -> None:
        for method, path in [
            ("GET", ""),
            ("PATCH", ""),
            ("DELETE", ""),
            ("POST", "/password-reset"),
            ("POST", "/unlock"),
            ("DELETE", "/totp"),
            ("GET", "/sessions"),
            ("DELETE", "/sessions"),
        ]:
            body: object = {} if method == "PATCH" else None
            assert kind(root.call(method, f"{USERS}/{uuid4()}{path}", body)) == (404, "not-found"), path
        assert root.call("GET", f"{USERS}/first").status_code == 422


class TestChange:
    def test_what_is_absent_stays(self, root: Login, person: Person) -> None:
        login = person.log_in()
        before = root.call("GET", f"{USERS}/{person.id}").json()
        after = root.call("PATCH", f"{USERS}/{person.id}", {"full_name": "Another"}).json()
        assert after == before | {"full_name": "Another"}
        assert root.call("PATCH", f"{USERS}/{person.id}", {"full_name": "Another"}).json() == after
        assert login.refresh().status_code == 200
        [(_, details)] = told(root.admin, person.id, "administrator.changed")
        assert details == {"before": {"full_name": ""}, "after": {"full_name": "Another"}}

    def test_another_role_ends_the_sessions(self, root: Login, person: Person) -> None:
        login = person.log_in()
        changed = root.call("PATCH", f"{USERS}/{person.id}", {"role": "ADMIN"}).json()
        assert set(changed["scopes"]) == ADMINISTRATOR_SCOPES[AdministratorRole.ADMIN]
        assert login.refresh().status_code == 401
        assert set(person.log_in().answer["scope"].split()) == ADMINISTRATOR_SCOPES[AdministratorRole.ADMIN]

    def test_not_active_and_again(self, root: Login, person: Person) -> None:
        login = person.log_in()
        assert root.call("PATCH", f"{USERS}/{person.id}", {"is_active": False}).status_code == 200
        assert login.refresh().status_code == 401
        assert kind(login.call("GET", f"{AUTH}/me")) == (401, "session-ended")
        assert root.call("PATCH", f"{USERS}/{person.id}", {"is_active": True}).status_code == 200
        assert person.try_login().status_code == 200

    def test_removed(self, root: Login, person: Person) -> None:
        login = person.log_in()
        assert root.call("DELETE", f"{USERS}/{person.id}").status_code == 204
        assert kind(root.call("DELETE", f"{USERS}/{person.id}")) == (404, "not-found")
        assert login.refresh().status_code == 401
        assert person.try_login().status_code == 401
        [(_, details)] = told(root.admin, person.id, "administrator.removed")
        assert details == {"username": person.username, "role": "READONLY"}

    def test_the_own_password_is_not_reset(self, root: Login) -> None:
        me = root.call("GET", f"{AUTH}/me").json()["id"]
        assert kind(root.call("POST", f"{USERS}/{me}/password-reset")) == (409, "conflict")

    @pytest.mark.parametrize("body", [{"role": "EMPEROR"}, {"username": "other"}, {"is_active": 5}, [], None])
    def test_bad_values(self, root: Login, person: Person, body: object) -> None:
        assert root.call("PATCH", f"{USERS}/{person.id}", body).status_code == 422


class TestLastSuperAdmin:
    def able(self, root: Login) -> list[str]:
        found = rows(
            root.admin,
            "SELECT id::text FROM admin.administrators"
            " WHERE role = 'SUPER_ADMIN' AND is_active AND password_hash IS NOT NULL",
        )
        return [row for (row,) in found]

    def test_stays(self, root: Login) -> None:
        me = root.call("GET", f"{AUTH}/me").json()["id"]
        for one in self.able(root):
            if one != me:
                assert root.call("DELETE", f"{USERS}/{one}").status_code == 204
        invited(root, "SUPER_ADMIN")  # who cannot log in yet, and so does not count
        for body in ({"role": "ADMIN"}, {"role": "READONLY"}, {"is_active": False}):
            assert kind(root.call("PATCH", f"{USERS}/{me}", body)) == (409, "conflict")
        assert kind(root.call("DELETE", f"{USERS}/{me}")) == (409, "conflict")
        assert root.call("PATCH", f"{USERS}/{me}", {"full_name": "The last"}).status_code == 200
        assert self.able(root) == [me]

    def test_two_who_remove_each_other_in_two_processes(
        self, admin: Admin, beside: Admin, root: Login
    ) -> None:
        """And with them the third: at least one is left, whatever the order."""
        me = root.call("GET", f"{AUTH}/me").json()["id"]
        people = [made(root, "SUPER_ADMIN") for _ in range(2)]
        logins = [people[0].log_in(), people[1].log_in(at=beside)]
        # The first administrator is put aside for a moment, as if the two were all that there are.
        rows(admin, "UPDATE admin.administrators SET is_active = false WHERE id = %s", me)
        try:
            others = [one for one in self.able(root) if one not in {person.id for person in people}]
            assert others == []
            with ThreadPoolExecutor(2) as pool:
                answers = list(
                    pool.map(lambda n: logins[n].call("DELETE", f"{USERS}/{people[1 - n].id}"), range(2))
                )
            assert len(self.able(root)) == 1
            assert sorted(answer.status_code for answer in answers)[0] == 204
        finally:
            rows(admin, "UPDATE admin.administrators SET is_active = true WHERE id = %s", me)


class TestAccess:
    @pytest.mark.parametrize("role", ["ADMIN", "READONLY"])
    def test_only_a_super_admin_writes(self, root: Login, role: str) -> None:
        login = made(root, role).log_in()
        answer = login.call("POST", USERS, {"username": some_username()})
        assert kind(answer) == (403, "insufficient-scope")
        assert login.call("GET", USERS).status_code == (200 if role == "ADMIN" else 403)
        assert login.call("GET", ACCOUNTS_PATH).status_code == 200

    def test_no_service_account_writes(self, admin: Admin) -> None:
        """Or an ADMIN could make itself a SUPER_ADMIN by way of an account."""
        answer = admin.http.post(USERS, json={"username": some_username()}, headers=admin.headers())
        assert kind(answer) == (403, "insufficient-scope")
        assert admin.http.get(USERS, headers=admin.headers()).status_code == 200

    def test_an_act_of_a_person_is_told_as_one(self, admin: Admin, root: Login) -> None:
        body = {"name": f"billing {secrets.token_hex(5)}", "role": "USER"}
        created = made(root, "ADMIN").log_in().call("POST", ACCOUNTS_PATH, body)
        assert created.status_code == 201
        [(actor_kind,)] = rows(
            admin,
            "SELECT actor_kind FROM admin.audit_entries WHERE subject_id = %s",
            created.json()["id"],
        )
        assert actor_kind == "administrator"

    def test_without_a_token(self, admin: Admin) -> None:
        for method, path in (
            ("GET", USERS),
            ("POST", USERS),
            ("GET", f"{AUTH}/me"),
            ("POST", f"{AUTH}/totp"),
        ):
            assert httpx.request(method, admin.url + path, timeout=30).status_code == 401


def test_a_change_and_its_entry_are_there_together_or_not_at_all(root: Login) -> None:
    """While the audit trail takes no entry, nothing is changed."""
    name = some_username()
    full = "ALTER TABLE admin.audit_entries ADD CONSTRAINT full_now CHECK (false) NOT VALID"
    rows(root.admin, full)
    try:
        answer = root.call("POST", USERS, {"username": name})
    finally:
        rows(root.admin, "ALTER TABLE admin.audit_entries DROP CONSTRAINT full_now")
    assert answer.status_code == 500
    assert rows(root.admin, "SELECT 1 FROM admin.administrators WHERE username = %s", name) == []
