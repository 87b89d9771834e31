"""Logging in as a person: what a session begins with, and who gets none."""

import secrets
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from artstore.kernel.access import JwksClient, TokenVerifier
from artstore.wire.scopes import ADMINISTRATOR_SCOPES, AdministratorRole

from .conftest import FIRST_PASSWORD, Admin
from .people import AUTH, COOKIE, Login, Person, first, invited, kind, made, post, rows, some_address, told

REFUSED = (401, "login-refused")


@pytest.fixture(scope="module")
def root(admin: Admin) -> Login:
    return first(admin).log_in()


@pytest.fixture
def person(root: Login) -> Person:
    return made(root)


def same_answer(one: httpx.Response, other: httpx.Response) -> bool:
    """But for the id of the request and the date."""
    own = {"request_id"}
    bodies = [{name: value for name, value in a.json().items() if name not in own} for a in (one, other)]
    heads = [
        {name: value for name, value in a.headers.items() if name not in ("date", "x-request-id")}
        for a in (one, other)
    ]
    return one.status_code == other.status_code and bodies[0] == bodies[1] and heads[0] == heads[1]


class TestGranted:
    @pytest.mark.parametrize("role", list(AdministratorRole))
    async def test_every_service_verifies_the_token_alone(
        self, admin: Admin, root: Login, role: AdministratorRole
    ) -> None:
        person = made(root, role)
        login = person.log_in()
        verifier = TokenVerifier(JwksClient(admin.url), admin.url)
        principal = await verifier.verify(login.answer["access_token"])
        await verifier.close()
        assert (principal.account_id, principal.username) == (person.id, person.username)
        assert (principal.role, principal.scopes) == (role.value, ADMINISTRATOR_SCOPES[role])
        assert principal.session_id == login.session_id
        assert principal.client_id == f"adm_{person.username}"

    def test_claims(self, admin: Admin, person: Person) -> None:
        answer = person.log_in().answer
        keys = KeySet.import_key_set(admin.http.get("/.well-known/jwks.json").json())
        claims = jwt.decode(answer["access_token"], keys, algorithms=["RS256"]).claims
        assert {
            "iss",
            "sub",
            "aud",
            "iat",
            "nbf",
            "exp",
            "jti",
            "client_id",
            "role",
            "scope",
            "rate_limit",
        } <= set(claims)
        assert (claims["aud"], claims["sub"], claims["scope"]) == ("artstore", person.id, answer["scope"])
        assert claims["exp"] - claims["iat"] == answer["expires_in"] == 300

    def test_a_browser_gets_a_cookie_that_no_script_reads(self, person: Person) -> None:
        answer = person.try_login()
        assert answer.json()["refresh_token"] is None
        assert answer.headers["Cache-Control"] == "no-store"
        cookie = answer.headers["Set-Cookie"]
        name, _, rest = cookie.partition("=")
        value, *attributes = rest.split("; ")
        assert name == COOKIE
        assert len(value) == 43
        assert sorted(attribute.lower() for attribute in attributes) == [
            "httponly",
            "max-age=1800",
            f"path={AUTH}",
            "samesite=strict",
        ]

    def test_what_is_no_browser_gets_the_token_in_the_body(self, person: Person) -> None:
        answer = person.try_login(refresh_token_in="body")
        assert "Set-Cookie" not in answer.headers
        assert len(answer.json()["refresh_token"]) == 43

    def test_the_name_in_capitals(self, person: Person) -> None:
        body = {"username": person.username.upper(), "password": person.password}
        assert post(person.admin, "login", body, address=person.address).status_code == 200

    def test_is_seen(self, root: Login, person: Person) -> None:
        login = person.log_in()
        seen = root.call("GET", f"/api/v1/admin-users/{person.id}").json()
        assert seen["last_login_at"] is not None
        [(actor, details)] = told(person.admin, login.session_id, "session.begun")
        assert (actor, details["administrator_id"]) == (person.username, person.id)


class TestRefused:
    def test_unknown_name_and_wrong_password_get_the_same_answer(self, person: Person) -> None:
        nobody = Person(person.admin, f"nobody.{secrets.token_hex(4)}", "x" * 20)
        wrong, unknown = person.try_login("not this one, never"), nobody.try_login()
        assert kind(wrong) == REFUSED
        assert same_answer(wrong, unknown)

    def test_who_has_no_password_yet(self, root: Login) -> None:
        person, _ = invited(root)
        assert kind(person.try_login()) == REFUSED

    def test_who_is_not_active(self, root: Login, person: Person) -> None:
        root.call("PATCH", f"/api/v1/admin-users/{person.id}", {"is_active": False})
        assert kind(person.try_login()) == REFUSED

    def test_is_told_without_the_name_that_was_given(self, person: Person) -> None:
        person.fail(1)
        [(actor, details)] = told(person.admin, person.id, "login.refused")
        assert (actor, details) == (None, {"what": "password"})
        mistyped = f"my-password-{secrets.token_hex(4)}"
        Person(person.admin, mistyped, "x" * 20).fail(1)
        assert (
            rows(
                person.admin,
                "SELECT 1 FROM admin.audit_entries WHERE to_jsonb(audit_entries)::text LIKE %s",
                f"%{mistyped}%",
            )
            == []
        )
        assert mistyped not in person.admin.log()

    @pytest.mark.parametrize(
        "body",
        [
            {},
            [],
            None,
            {"username": "a"},
            {"username": "a", "password": None},
            {"username": ["a"], "password": "b"},
            {"username": "a" * 257, "password": "b"},
            {"username": "a", "password": "b" * 257},
            {"username": "a", "password": "b", "code": "1" * 65},
            {"username": "a", "password": "b", "refresh_token_in": "url"},
            {"username": "a", "password": "b", "pasword": "b"},
        ],
        ids=str,
    )
    def test_bad_bodies(self, admin: Admin, body: object) -> None:
        answer = post(admin, "login", body, address=some_address())
        assert answer.status_code == 422
        assert answer.headers["Content-Type"] == "application/problem+json"

    @pytest.mark.parametrize("name", ["", "\0", "a\0b", "Ы" * 256, "🦦", "a'; DROP TABLE administrators; --"])
    def test_odd_names_are_nobodys(self, admin: Admin, name: str) -> None:
        answer = post(admin, "login", {"username": name, "password": "\0" * 20}, address=some_address())
        assert kind(answer) == REFUSED

    @pytest.mark.parametrize("content", [b"", b"{", b"\xff", b'{"username": "\\ud800", "password": "x"}'])
    def test_what_is_no_json(self, admin: Admin, content: bytes) -> None:
        answer = admin.http.post(
            f"{AUTH}/login", content=content, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code in (400, 422)

    def test_a_form(self, admin: Admin) -> None:
        answer = admin.http.post(f"{AUTH}/login", data={"username": "first", "password": FIRST_PASSWORD})
        assert answer.status_code == 422

    @pytest.mark.parametrize(
        "headers",
        [
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
        ],
        ids=str,
    )
    @pytest.mark.parametrize("name", ["login", "refresh", "logout"])
    def test_pages_of_other_origins(self, admin: Admin, name: str, headers: dict[str, str]) -> None:
        body = {"username": "first", "password": FIRST_PASSWORD} if name == "login" else None
        answer = admin.http.post(f"{AUTH}/{name}", json=body, headers=headers)
        assert kind(answer) == (403, "cross-origin")

    def test_pages_of_the_own_origin(self, admin: Admin, person: Person) -> None:
        body = {"username": person.username, "password": person.password}
        for headers in ({"Sec-Fetch-Site": "same-origin", "Origin": admin.url}, {"Origin": admin.url}):
            assert admin.http.post(f"{AUTH}/login", json=body, headers=headers).status_code == 200


class TestLockout:
    def test_the_right_password_is_refused_like_a_wrong_one(self, person: Person) -> None:
        wrong = person.try_login("not this one, never")
        person.fail(4)
        assert same_answer(person.try_login(), wrong)
        [(_, locked)] = told(person.admin, person.id, "administrator.locked")
        assert "until" in locked
        assert len(told(person.admin, person.id, "login.refused")) == 5

    def test_four_failures_lock_nobody(self, person: Person) -> None:
        for _ in range(3):
            person.fail(4)
            assert person.try_login().status_code == 200

    def test_a_name_that_is_nobodys_is_locked_as_well(self, admin: Admin) -> None:
        """So that the sixth answer does not tell who exists, be it by the time that it takes."""
        nobody = Person(admin, f"nobody.{secrets.token_hex(4)}", "x" * 20)
        nobody.fail(6)
        metric = 'artstore_admin_logins_total{outcome="name_locked"}'
        before = value_of(admin, metric)
        nobody.fail(1)
        assert value_of(admin, metric) == before + 1

    def test_ends_by_itself_and_lasts_longer_the_next_time(self, root: Login, person: Person) -> None:
        lengths = []
        for _ in range(3):
            person.fail(5)
            lengths.append(lock_seconds(root, person))
            end_lock(person)
        assert [round(length / lengths[0]) for length in lengths] == [1, 2, 4]
        assert person.try_login().status_code == 200
        person.fail(5)
        assert round(lock_seconds(root, person) / lengths[0]) == 1

    def test_unlocked_by_a_super_admin(self, root: Login, person: Person) -> None:
        person.fail(5)
        assert root.call("GET", f"/api/v1/admin-users/{person.id}").json()["locked_until"] is not None
        assert root.call("POST", f"/api/v1/admin-users/{person.id}/unlock").status_code == 204
        assert root.call("GET", f"/api/v1/admin-users/{person.id}").json()["locked_until"] is None
        assert person.try_login().status_code == 200
        [(actor, _)] = told(person.admin, person.id, "administrator.unlocked")
        assert actor == "first"

    def test_an_address_is_locked_after_more_failures(self, root: Login, person: Person) -> None:
        address = person.address
        for _ in range(20):
            body = {"username": f"nobody.{secrets.token_hex(4)}", "password": "x" * 20}
            assert post(person.admin, "login", body, address=address).status_code == 401
        assert kind(person.try_login()) == REFUSED
        person.address = some_address()
        assert person.try_login().status_code == 200

    def test_two_processes_count_as_one(self, admin: Admin, beside: Admin, person: Person) -> None:
        """However many guesses come at the same moment, five are looked at."""
        with ThreadPoolExecutor(16) as pool:
            answers = list(
                pool.map(
                    lambda n: person.try_login(f"guess number {n}, or so", at=(admin, beside)[n % 2]),
                    range(16),
                )
            )
        assert {kind(answer) for answer in answers} == {REFUSED}
        assert len(told(admin, person.id, "login.refused")) == 5
        assert len(told(admin, person.id, "administrator.locked")) == 1
        assert {kind(person.try_login(at=at)) for at in (admin, beside)} == {REFUSED}


def lock_seconds(root: Login, person: Person) -> float:
    [(seconds,)] = rows(
        person.admin,
        "SELECT max(extract(epoch FROM locked_until - last_attempt_at))::float FROM admin.login_attempts"
        " WHERE key = sha256(convert_to('name', 'UTF8') || '\\x00'::bytea || convert_to(%s, 'UTF8'))",
        person.username,
    )
    return float(seconds)


def end_lock(person: Person) -> None:
    """As if its time had passed, for this person and the address."""
    rows(
        person.admin,
        "UPDATE admin.login_attempts SET locked_until = now() - interval '1 s' WHERE locked_until > now()",
    )


def value_of(admin: Admin, metric: str) -> float:
    for line in admin.http.get("/metrics").text.splitlines():
        if line.startswith(f"{metric} "):
            return float(line.rpartition(" ")[2])
    return 0.0
