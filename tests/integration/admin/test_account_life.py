"""The life of a service account: changed, suspended, deleted and back; what it may do follows at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from joserfc.jwk import ECKey
from psycopg.types.json import Jsonb

from artstore.wire.accounts import CreatedServiceAccount
from artstore.wire.scopes import ROLE_SCOPES, Role

from .conftest import (
    ACCOUNTS_PATH,
    AUDIT_PATH,
    Admin,
    credentials_of,
    libpq,
    some_name,
)


def is_accepted(admin: Admin, headers: dict[str, str]) -> bool:
    """Whether Admin takes the token: also without the scope for what is asked."""
    answer = admin.http.get(ACCOUNTS_PATH, headers=headers)
    assert answer.status_code in (200, 401, 403)
    return answer.status_code != 401


def read(admin: Admin, account: CreatedServiceAccount) -> tuple[dict[str, Any], str]:
    """The account and its ETag."""
    answer = admin.change("GET", f"{account.id}")
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body, answer.headers["ETag"]


def patch(admin: Admin, account: CreatedServiceAccount, change: dict[str, Any]) -> httpx.Response:
    _, tag = read(admin, account)
    return admin.change("PATCH", f"{account.id}", body=change, headers={"If-Match": tag})


class TestSuspend:
    def test_no_token_and_those_that_there_are_end(self, admin: Admin) -> None:
        account = admin.new_account(some_name())
        headers = admin.headers(credentials_of(account))
        assert is_accepted(admin, headers)
        answer = admin.change("POST", f"{account.id}/suspend")
        assert (answer.status_code, answer.json()["status"]) == (200, "suspended")
        admin.eventually(lambda: not is_accepted(admin, headers))
        refused = admin.ask_token(credentials_of(account))
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
        assert refused.json()["error_description"] == "The account is suspended."

    def test_who_has_not_the_secret_does_not_learn_of_it(self, admin: Admin) -> None:
        account = admin.new_account(some_name())
        admin.change("POST", f"{account.id}/suspend")
        wrong = admin.ask_token((account.client_id, "x" * 43))
        assert wrong.content == admin.ask_token(("nobody", "x" * 43)).content

    def test_activated_again_only_new_tokens_are_good(self, admin: Admin) -> None:
        account = admin.new_account(some_name())
        before = admin.headers(credentials_of(account))
        admin.change("POST", f"{account.id}/suspend")
        assert admin.change("POST", f"{account.id}/activate").json()["status"] == "active"
        after = admin.headers(credentials_of(account))
        assert is_accepted(admin, after)
        admin.eventually(lambda: not is_accepted(admin, before))
        assert is_accepted(admin, after)

    @pytest.mark.parametrize("operation", ["suspend", "activate"])
    def test_repeated_it_changes_nothing(self, admin: Admin, operation: str) -> None:
        account = admin.new_account(some_name())
        first = admin.change("POST", f"{account.id}/{operation}")
        again = admin.change("POST", f"{account.id}/{operation}")
        assert (again.json(), again.headers["ETag"]) == (first.json(), first.headers["ETag"])


class TestDelete:
    def test_is_gone_from_the_list_and_can_be_restored(self, admin: Admin) -> None:
        account = admin.new_account(some_name())
        headers = admin.headers(credentials_of(account))
        for _ in range(2):
            assert admin.change("DELETE", f"{account.id}").status_code == 204
        assert admin.ask_token(credentials_of(account)).status_code == 401
        admin.eventually(lambda: not is_accepted(admin, headers))
        assert found(admin, q=account.name) == []
        assert found(admin, q=account.name, status="deleted") == [account.name]
        assert admin.change("POST", f"{account.id}/restore").json()["status"] == "active"
        assert admin.ask_token(credentials_of(account)).status_code == 200

    def test_restored_it_is_suspended_as_it_was(self, admin: Admin) -> None:
        account = admin.new_account(some_name())
        admin.change("POST", f"{account.id}/suspend")
        admin.change("DELETE", f"{account.id}")
        assert admin.change("POST", f"{account.id}/restore").json()["status"] == "suspended"

    def test_cannot_be_changed_meanwhile(self, admin: Admin) -> None:
        account = admin.new_account(some_name())
        admin.change("DELETE", f"{account.id}")
        assert patch(admin, account, {"description": "x"}).status_code == 409
        for operation in ("suspend", "activate", "rotate-secret"):
            assert admin.change("POST", f"{account.id}/{operation}").status_code == 409

    def test_name_stays_taken(self, admin: Admin) -> None:
        account = admin.new_account(some_name())
        admin.change("DELETE", f"{account.id}")
        answer = admin.http.post(ACCOUNTS_PATH, json={"name": account.name}, headers=admin.headers())
        assert answer.status_code == 409


class TestChange:
    def test_what_it_may_do(self, admin: Admin) -> None:
        account = admin.new_account(some_name())
        expires = datetime.now(UTC) + timedelta(minutes=10)
        change = {
            "description": "Invoices",
            "role": "AUDITOR",
            "scopes": ["files:read", "audit:read"],
            "rate_limit": 7,
            "expires_at": expires.isoformat(),
        }
        answer = patch(admin, account, change)
        assert answer.status_code == 200, answer.text
        assert (answer.json()["description"], answer.json()["role"]) == ("Invoices", "AUDITOR")
        token = admin.ask_token(credentials_of(account)).json()
        assert set(token["scope"].split()) == {"files:read", "audit:read"}
        assert token["expires_in"] <= 600
        assert admin.introspect(token["access_token"])["rate_limit"] == 7

    def test_null_takes_away(self, admin: Admin) -> None:
        account = admin.new_account(some_name())
        patch(admin, account, {"description": "x", "scopes": ["files:read"], "rate_limit": 7})
        now = patch(admin, account, {"description": None, "scopes": None, "rate_limit": None}).json()
        assert (now["description"], now["rate_limit"]) == (None, 100)
        assert set(now["scopes"]) == ROLE_SCOPES[Role.USER]

    @pytest.mark.parametrize(
        ("change", "ends"),
        [
            ({"role": "READONLY"}, True),
            ({"scopes": ["files:read"]}, True),
            ({"rate_limit": 1}, True),
            ({"expires_at": "2099-01-01T00:00:00Z"}, True),
            ({"role": "ADMIN"}, False),
            ({"rate_limit": 1000}, False),
            ({"description": "x"}, False),
        ],
    )
    def test_what_takes_something_away_ends_tokens(
        self, admin: Admin, change: dict[str, Any], ends: bool
    ) -> None:
        account = admin.new_account(some_name())
        token = admin.token(credentials_of(account))
        assert patch(admin, account, change).status_code == 200
        assert admin.introspect(token)["active"] is not ends

    @pytest.mark.parametrize(("chosen", "ends"), [(1000, True), (7, False)])
    def test_the_usual_limit_instead_of_a_chosen_one(self, admin: Admin, chosen: int, ends: bool) -> None:
        account = admin.new_account(some_name())
        patch(admin, account, {"rate_limit": chosen})
        token = admin.token(credentials_of(account))
        assert patch(admin, account, {"rate_limit": None}).status_code == 200
        assert admin.introspect(token)["active"] is not ends

    def test_revision_is_needed_and_looked_at(self, admin: Admin) -> None:
        account = admin.new_account(some_name())
        change = {"description": "x"}
        for missing in ({}, {"If-Match": "*"}):
            answer = admin.change("PATCH", f"{account.id}", body=change, headers=missing)
            assert (answer.status_code, answer.json()["field"]) == (428, "If-Match")
        for other in ('"0"', 'W/"1"', "1", '"'):
            answer = admin.change("PATCH", f"{account.id}", body=change, headers={"If-Match": other})
            assert answer.status_code == 412, other
        assert patch(admin, account, change).status_code == 200

    def test_revision_is_looked_at_where_it_may_be_given(self, admin: Admin) -> None:
        account = admin.new_account(some_name())
        old = {"If-Match": '"0"'}
        for operation in ("suspend", "activate", "restore", "rotate-secret"):
            assert admin.change("POST", f"{account.id}/{operation}", headers=old).status_code == 412
        assert admin.change("DELETE", f"{account.id}", headers=old).status_code == 412

    def test_of_changes_at_once_one_is_made(self, admin: Admin) -> None:
        account = admin.new_account(some_name())
        _, tag = read(admin, account)
        headers = admin.headers() | {"If-Match": tag}

        def change(number: int) -> int:
            body = {"description": f"{number}"}
            return httpx.patch(
                f"{admin.url}{ACCOUNTS_PATH}/{account.id}", json=body, headers=headers, timeout=30
            ).status_code

        with ThreadPoolExecutor(8) as pool:
            assert sorted(pool.map(change, range(8))) == [200] + [412] * 7

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"role": None}, "role"),
            ({"role": "KING"}, "role"),
            ({"scopes": ["files:everything"]}, "scopes.0"),
            ({"scopes": ["accounts:write"]}, "scopes"),
            ({"rate_limit": 0}, "rate_limit"),
            ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
            ({"expires_at": "2099-01-01T00:00:00"}, "expires_at"),
            ({"description": "\0"}, "description"),
            ({"description": "x" * 501}, "description"),
            ({"name": "another"}, "name"),
            ({"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}, "keys"),
            ({"expires_at": 2030}, "expires_at"),
        ],
    )
    def test_bad_value(self, admin: Admin, change: dict[str, Any], field: str) -> None:
        account = admin.new_account(some_name())
        answer = patch(admin, account, change)
        assert (answer.status_code, answer.json()["field"]) == (422, field)

    def test_unknown_account(self, admin: Admin) -> None:
        nobody = "01a20847-f189-7000-8000-000000000001"
        assert admin.change("POST", f"{nobody}/suspend").status_code == 404
        assert admin.change("DELETE", nobody).status_code == 404
        assert admin.change("PUT", f"{nobody}/grants/{nobody}", body={"scopes": ["files:read"]}).is_error

    def test_needs_accounts_write(self, admin: Admin) -> None:
        account = admin.new_account(some_name(), "OPERATOR")
        headers = admin.headers(credentials_of(account)) | {"If-Match": '"1"'}
        for method, path in (
            ("PATCH", f"{account.id}"),
            ("DELETE", f"{account.id}"),
            ("POST", f"{account.id}/suspend"),
            ("POST", f"{account.id}/rotate-secret"),
            ("DELETE", f"{account.id}/secrets/{account.id}"),
            ("PUT", f"{account.id}/grants/{account.id}"),
        ):
            body = {"scopes": ["files:read"]} if method == "PUT" else {}
            answer = admin.http.request(method, f"{ACCOUNTS_PATH}/{path}", json=body, headers=headers)
            assert answer.status_code == 403, path


class TestAccountThatExpires:
    def test_gets_no_token(self, admin: Admin) -> None:
        account = admin.new_account(some_name())
        with psycopg.connect(libpq(admin.backends.database_url), autocommit=True) as connection:
            connection.execute(
                "UPDATE admin.service_accounts SET expires_at = now() - interval '1s' WHERE id = %s",
                (account.id,),
            )
        refused = admin.ask_token(credentials_of(account))
        assert (refused.status_code, refused.json()["error_description"]) == (401, "The account has expired.")


class TestAccountsOfTheSystem:
    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("DELETE", "", None),
            ("POST", "/suspend", None),
            ("POST", "/rotate-secret", {"overlap_seconds": 0}),
            ("PATCH", "", {"role": "READONLY"}),
            ("PATCH", "", {"scopes": []}),
            ("PATCH", "", {"rate_limit": 1}),
            ("PATCH", "", {"expires_at": "2099-01-01T00:00:00Z"}),
            ("PATCH", "", {"keys": [ECKey.generate_key("P-256").as_dict(private=False)]}),
            ("DELETE", "/secrets/{secret_id}", None),
        ],
    )
    @pytest.mark.parametrize("name", ["administrator", "artstore-services"])
    def test_cannot_be_lowered_or_taken_over(
        self, admin: Admin, name: str, method: str, path: str, body: Any
    ) -> None:
        listed = admin.http.get(ACCOUNTS_PATH, params={"q": name}, headers=admin.headers())
        (account,) = [one for one in listed.json()["items"] if one["is_system"]]
        tag = admin.change("GET", account["id"]).headers["ETag"]
        path = account["id"] + path.format(secret_id=account["secrets"][0]["id"])
        answer = admin.change(method, path, body=body, headers={"If-Match": tag})
        assert answer.status_code == 409
        assert answer.json()["type"] == "urn:artstore:problem:protected-account"
        assert admin.change("GET", account["id"]).headers["ETag"] == tag

    def test_may_get_a_higher_limit(self, admin: Admin) -> None:
        listed = admin.http.get(ACCOUNTS_PATH, params={"q": "initial"}, headers=admin.headers())
        (initial,) = [one for one in listed.json()["items"] if one["is_system"]]
        higher = min(initial["rate_limit"] + 1, 1_000_000)
        tag = admin.change("GET", initial["id"]).headers["ETag"]
        answer = admin.change("PATCH", initial["id"], body={"rate_limit": higher}, headers={"If-Match": tag})
        assert (answer.status_code, answer.json()["rate_limit"]) == (200, higher)

    def test_lose_keys_that_they_have(self, admin: Admin) -> None:
        listed = admin.http.get(ACCOUNTS_PATH, params={"q": "artstore-services"}, headers=admin.headers())
        (services,) = [one for one in listed.json()["items"] if one["is_system"]]
        with psycopg.connect(libpq(admin.backends.database_url), autocommit=True) as connection:
            connection.execute(
                "UPDATE admin.service_accounts SET keys = %s WHERE id = %s",
                (Jsonb([ECKey.generate_key("P-256").as_dict(private=False)]), services["id"]),
            )
        tag = admin.change("GET", services["id"]).headers["ETag"]
        answer = admin.change("PATCH", services["id"], body={"keys": []}, headers={"If-Match": tag})
        assert (answer.status_code, answer.json()["keys"]) == (200, [])

    def test_services_have_no_limit(self, admin: Admin) -> None:
        listed = admin.http.get(ACCOUNTS_PATH, params={"q": "artstore-services"}, headers=admin.headers())
        (services,) = [one for one in listed.json()["items"] if one["is_system"]]
        assert services["rate_limit"] == 0
        tag = admin.change("GET", services["id"]).headers["ETag"]
        answer = admin.change(
            "PATCH", services["id"], body={"rate_limit": 1_000_000}, headers={"If-Match": tag}
        )
        assert answer.json()["type"] == "urn:artstore:problem:protected-account"


def found(admin: Admin, **parameters: str) -> list[str]:
    answer = admin.http.get(ACCOUNTS_PATH, params=parameters, headers=admin.headers())
    assert answer.status_code == 200, answer.text
    return [account["name"] for account in answer.json()["items"]]


class TestFind:
    def test_by_a_part_of_name_client_id_or_description(self, admin: Admin) -> None:
        account = admin.new_account(f"Отдел_{some_name()}")
        mark = some_name()
        patch(admin, account, {"description": f"100% счета {mark.upper()}"})
        for q in (account.name, account.name.upper(), account.client_id[3:], mark):
            assert found(admin, q=q) == [account.name], q
        assert found(admin, q=f"100% счета {mark}") == [account.name]
        assert found(admin, q=f"100_ счета {mark}") == []
        assert found(admin, q=f"%{mark}") == []

    def test_by_role_and_status(self, admin: Admin) -> None:
        mark = some_name()
        for role in ("USER", "AUDITOR"):
            admin.new_account(f"{mark} {role}", role)
        suspended = admin.new_account(f"{mark} suspended")
        admin.change("POST", f"{suspended.id}/suspend")
        assert found(admin, q=mark, role="AUDITOR") == [f"{mark} AUDITOR"]
        assert found(admin, q=mark, status="suspended") == [f"{mark} suspended"]
        assert found(admin, q=mark, status="active") == [f"{mark} USER", f"{mark} AUDITOR"]
        assert len(found(admin, q=mark)) == 3

    def test_pages_keep_to_the_filter(self, admin: Admin) -> None:
        mark = some_name()
        names = [admin.new_account(f"{mark} {number}").name for number in range(5)]
        seen: list[str] = []
        cursor = None
        while True:
            parameters = {"q": mark, "limit": "2"} | ({"cursor": cursor} if cursor else {})
            page = admin.http.get(ACCOUNTS_PATH, params=parameters, headers=admin.headers()).json()
            seen += [account["name"] for account in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert seen == names

    @pytest.mark.parametrize(("name", "value"), [("role", "KING"), ("status", "x"), ("q", "x" * 101)])
    def test_bad_filter(self, admin: Admin, name: str, value: str) -> None:
        answer = admin.http.get(ACCOUNTS_PATH, params={name: value}, headers=admin.headers())
        assert (answer.status_code, answer.json()["field"]) == (422, name)


class TestGrants:
    def test_are_listed_and_in_the_token(self, admin: Admin) -> None:
        account, owner, other = (admin.new_account(some_name()) for _ in range(3))
        token = admin.token(credentials_of(account))
        for whose, scopes in ((owner, ["files:write"]), (other, ["files:read"])):
            answer = admin.change("PUT", f"{account.id}/grants/{whose.id}", body={"scopes": scopes})
            assert answer.status_code == 200, answer.text
        items = admin.change("GET", f"{account.id}/grants").json()["items"]
        assert [(item["owner_name"], item["scopes"]) for item in items] == [
            (owner.name, ["files:read", "files:write"]),
            (other.name, ["files:read"]),
        ]
        assert admin.introspect(token)["active"], "nothing was taken away"

    def test_taken_back_or_narrowed_it_ends_tokens(self, admin: Admin) -> None:
        account, owner = (admin.new_account(some_name()) for _ in range(2))
        path = f"{account.id}/grants/{owner.id}"
        admin.change("PUT", path, body={"scopes": ["files:write"]})
        for method, body in (("PUT", {"scopes": ["files:read"]}), ("DELETE", None)):
            token = admin.token(credentials_of(account))
            assert admin.change(method, path, body=body).is_success
            assert not admin.introspect(token)["active"]
        assert admin.change("DELETE", path).status_code == 404
        assert admin.change("GET", f"{account.id}/grants").json()["items"] == []

    def test_refused(self, admin: Admin) -> None:
        account = admin.new_account(some_name())
        path = f"{account.id}/grants"
        read = {"scopes": ["files:read"]}
        assert admin.change("PUT", f"{path}/{account.id}", body=read).status_code == 422
        nobody = "01a20847-f189-7000-8000-000000000001"
        assert admin.change("PUT", f"{path}/{nobody}", body=read).status_code == 404
        bodies: tuple[dict[str, Any], ...] = (
            {"scopes": []},
            {"scopes": ["files:delete"]},
            {},
            {"scopes": ["files:read"], "x": 1},
        )
        for body in bodies:
            assert admin.change("PUT", f"{path}/{nobody}", body=body).status_code == 422

    def test_no_more_than_a_token_can_carry(self, admin: Admin) -> None:
        account = admin.new_account(some_name())
        owners = [admin.new_account(some_name()) for _ in range(2)]
        with psycopg.connect(libpq(admin.backends.database_url), autocommit=True) as connection:
            connection.execute(
                """INSERT INTO admin.service_accounts (id, name, client_id, role)
                SELECT gen_random_uuid(), 'crowd ' || n, 'crowd-' || n, 'USER' FROM generate_series(1, 63) n""",
            )
            connection.execute(
                """INSERT INTO admin.grants (account_id, owner_id, may_change)
                SELECT %s, id, true FROM admin.service_accounts WHERE name LIKE 'crowd %%'""",
                (account.id,),
            )
        read = {"scopes": ["files:read"]}
        statuses = [
            admin.change("PUT", f"{account.id}/grants/{owner.id}", body=read).status_code for owner in owners
        ]
        assert statuses == [200, 409]
        assert is_accepted(admin, admin.headers(credentials_of(account)))


class TestAuditTrail:
    def test_tells_every_change_and_who_made_it(self, admin: Admin) -> None:
        account, owner = (admin.new_account(some_name()) for _ in range(2))
        given = {"token": admin.token(credentials_of(account))}
        ended = admin.http.post("/api/v1/auth/revoke", data=given, auth=admin.initial)
        assert ended.status_code == 200
        assert patch(admin, account, {"description": "changed"}).is_success
        path, grant = f"{account.id}", f"{account.id}/grants/{owner.id}"
        assert admin.change("POST", f"{path}/rotate-secret").status_code == 201
        older = read(admin, account)[0]["secrets"][1]["id"]
        for method, where, body in (
            ("DELETE", f"{path}/secrets/{older}", None),
            ("PUT", grant, {"scopes": ["files:read"]}),
            ("DELETE", grant, None),
            ("POST", f"{path}/suspend", None),
            ("POST", f"{path}/activate", None),
            ("DELETE", path, None),
            ("POST", f"{path}/restore", None),
        ):
            assert admin.change(method, where, body=body).is_success, where
        wanted = {"subject_id": str(account.id), "order": "oldest"}
        told = admin.http.get(AUDIT_PATH, params=wanted, headers=admin.headers())
        assert [(entry["action"], entry["actor"]["name"]) for entry in told.json()["items"]] == [
            ("account.created", "administrator"),
            ("token.revoked", "administrator"),
            ("account.changed", "administrator"),
            ("account.secret_rotated", "administrator"),
            ("account.secret_ended", "administrator"),
            ("grant.given", "administrator"),
            ("grant.taken_back", "administrator"),
            ("account.suspended", "administrator"),
            ("account.activated", "administrator"),
            ("account.deleted", "administrator"),
            ("account.restored", "administrator"),
        ]
        assert account.client_secret not in told.text


class TestTwoProcesses:
    def test_suspension_by_one_ends_tokens_at_the_other(self, admin: Admin, beside: Admin) -> None:
        account = admin.new_account(some_name())
        headers = beside.headers(credentials_of(account))
        assert is_accepted(beside, headers)
        admin.change("POST", f"{account.id}/suspend")
        assert beside.ask_token(credentials_of(account)).status_code == 401
        beside.eventually(lambda: not is_accepted(beside, headers))

    def test_of_creations_at_once_one_is_made(self, admin: Admin, beside: Admin) -> None:
        name, headers = some_name(), admin.headers()

        def create(number: int) -> int:
            url = (admin, beside)[number % 2].url
            return httpx.post(
                f"{url}{ACCOUNTS_PATH}", json={"name": name}, headers=headers, timeout=30
            ).status_code

        with ThreadPoolExecutor(8) as pool:
            assert sorted(pool.map(create, range(8))) == [201] + [409] * 7
        assert found(admin, q=name) == [name]
