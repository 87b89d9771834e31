"""``POST /api/v1/auth/tickets`` over HTTP."""

from typing import Any
from uuid import uuid4

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from artstore.wire.tickets import TICKET_AUDIENCE, TICKET_SECONDS, TICKETS_PATH

from .conftest import Admin

FILE_ID, ACCOUNT, SESSION = str(uuid4()), str(uuid4()), str(uuid4())
NEW = {"file_id": FILE_ID, "account_id": ACCOUNT, "epoch": 3, "rate_limit": 100}


def asked(admin: Admin, **more: Any) -> httpx.Response:
    return admin.http.post(TICKETS_PATH, json={**NEW, **more}, headers=admin.headers(admin.services))


def claims(admin: Admin, answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 201, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json()["expires_in"] == TICKET_SECONDS
    keys = KeySet.import_key_set(admin.http.get("/.well-known/jwks.json").json())
    token = jwt.decode(answer.json()["ticket"], keys, algorithms=["RS256"])
    assert token.header["typ"] == "ticket+jwt"
    assert token.claims["exp"] - token.claims["iat"] == TICKET_SECONDS
    found: dict[str, Any] = token.claims
    return {name: found[name] for name in found.keys() - {"iat", "nbf", "exp", "jti", "iss"}}


def test_says_what_it_is_for(admin: Admin) -> None:
    least = {"aud": TICKET_AUDIENCE, "sub": ACCOUNT, "file_id": FILE_ID, "epoch": 3, "rate_limit": 100}
    assert claims(admin, asked(admin)) == least
    more = asked(admin, session_id=SESSION, address="192.0.2.7/24")
    assert claims(admin, more) == {**least, "sid": SESSION, "address": "192.0.2.0/24"}


def test_only_the_services_may_ask(admin: Admin) -> None:
    assert admin.http.post(TICKETS_PATH, json=NEW).status_code == 401
    assert admin.http.post(TICKETS_PATH, json=NEW, headers=admin.headers()).status_code == 403


def test_is_no_access_token(admin: Admin) -> None:
    headers = {"Authorization": f"Bearer {asked(admin).json()['ticket']}"}
    assert admin.http.get("/api/v1/storage-elements", headers=headers).status_code == 401
    assert admin.http.post(TICKETS_PATH, json=NEW, headers=headers).status_code == 401


@pytest.mark.parametrize(
    "bad",
    [
        {"epoch": None},
        {"epoch": -1},
        {"epoch": 2**63},
        {"file_id": "x"},
        {"account_id": "x"},
        {"session_id": "x"},
        {"address": "nowhere"},
        {"rate_limit": -1},
        {"more": 1},
    ],
)
def test_bad_input(admin: Admin, bad: dict[str, Any]) -> None:
    answer = asked(admin, **bad)
    assert answer.status_code == 422
    assert answer.json()["field"] == next(iter(bad))
