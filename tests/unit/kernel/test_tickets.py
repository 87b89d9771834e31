"""Tickets: what is good, and every way of not being good."""

import time
from typing import Any
from uuid import UUID, uuid4

import pytest

from artstore.kernel.access import KeysUnavailable, RevocationList, TicketVerifier, TokenVerifier
from artstore.kernel.problems import Problem
from artstore.wire.revocations import Revocation
from artstore.wire.scopes import Scope
from artstore.wire.tickets import TICKET_AUDIENCE

from .conftest import IN_AN_HOUR, ISSUER, Issuer, Keys, at_present

FILE_ID = UUID("0193a5b0-0000-7000-8000-000000000001")
ACCOUNT = "7e0f0f3c-55a4-4b7e-9d7c-1d1c9b1f0001"
SESSION = str(uuid4())
HERE = "192.0.2.1"


@pytest.fixture
def ended() -> RevocationList:
    return RevocationList()


@pytest.fixture
def tickets(issuer: Issuer, ended: RevocationList) -> TicketVerifier:
    return TicketVerifier(Keys(issuer), ISSUER, ended)


def ticket(issuer: Issuer, header: dict[str, Any] | None = None, **changed: Any) -> str:
    no_scope: dict[str, Any] = dict.fromkeys(("client_id", "role", "scope", "username"))
    good = {"aud": TICKET_AUDIENCE, "file_id": str(FILE_ID), "epoch": 3, "rate_limit": 7, "sid": SESSION}
    return issuer.token(header, **{**no_scope, **good, **changed})


async def test_a_good_one(issuer: Issuer, tickets: TicketVerifier) -> None:
    admission = await tickets.admission(ticket(issuer), HERE)
    assert admission is not None
    assert admission.file_id == FILE_ID
    principal = admission.principal
    assert (principal.account_id, principal.epoch, principal.rate_limit) == (ACCOUNT, 3, 7)
    assert principal.scopes == {Scope.FILES_READ, Scope.FILES_ALL}
    assert principal.may_see("whoever")


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "artstore"},
        {"aud": [TICKET_AUDIENCE, "artstore"]},
        {"aud": None},
        {"iss": "http://evil.example"},
        {"exp": 1},
        {"exp": None},
        {"exp": time.time() - 61},
        {"nbf": IN_AN_HOUR},
        {"file_id": None},
        {"file_id": "x"},
        {"file_id": 7},
        {"file_id": [str(FILE_ID)]},
        {"sub": None},
        {"sub": 7},
        {"jti": None},
        {"epoch": "3"},
        {"epoch": -1},
        {"rate_limit": True},
        {"address": "198.51.100.0/24"},
        {"address": "nowhere"},
        {"address": 7.5},
        {"address": ["192.0.2.1"]},
        {"address": {}},
    ],
)
async def test_what_is_none(issuer: Issuer, tickets: TicketVerifier, changed: dict[str, Any]) -> None:
    assert await tickets.admission(ticket(issuer, **at_present(changed)), HERE) is None


async def test_what_is_not_signed_so(issuer: Issuer, tickets: TicketVerifier) -> None:
    good = ticket(issuer)
    head, claims, signature = good.split(".")
    other = ticket(issuer, file_id=str(uuid4())).split(".")[1]
    for bad in (
        "",
        "x",
        "x" * 10_000,
        "я.я.я",
        "..",
        f"{head}.{claims}.",
        f"{head}.{other}.{signature}",
        f"{good}.x",
        ticket(issuer, {"alg": "RS256", "kid": "two"}),
        ticket(issuer, {"alg": "PS256", "kid": "one"}),
        ticket(Issuer()),
        issuer.hmac_with_public_key(),
    ):
        assert await tickets.admission(bad, HERE) is None, bad


@pytest.mark.parametrize(
    ("network", "address", "is_good"),
    [
        (HERE, HERE, True),
        (HERE, f"::ffff:{HERE}", True),
        ("192.0.2.0/24", HERE, True),
        (HERE, "192.0.2.2", False),
        (HERE, "::1", False),
        (HERE, None, False),
        (HERE, "unknown", False),
        (None, None, True),
    ],
)
async def test_from_its_address_alone(
    issuer: Issuer, tickets: TicketVerifier, network: str | None, address: str | None, is_good: bool
) -> None:
    admission = await tickets.admission(ticket(issuer, address=network), address)
    assert (admission is not None) is is_good


@pytest.mark.parametrize(
    "what", [{"account_id": ACCOUNT, "epoch": 4}, {"session_id": SESSION}, {"jti": "token-1"}]
)
async def test_ends_with_the_tokens_of_its_account(
    issuer: Issuer, tickets: TicketVerifier, ended: RevocationList, what: dict[str, Any]
) -> None:
    text = ticket(issuer)
    assert await tickets.admission(text, HERE) is not None
    ended.learn([Revocation.model_validate({"position": 1, "until": 2e9, **what})])
    assert await tickets.admission(text, HERE) is None


async def test_is_no_access_token_and_the_other_way_round(issuer: Issuer, tickets: TicketVerifier) -> None:
    assert await tickets.admission(issuer.token(), HERE) is None
    assert await tickets.admission(issuer.token(file_id=str(FILE_ID)), HERE) is None
    full = issuer.token(aud=TICKET_AUDIENCE, file_id=str(FILE_ID))
    assert await tickets.admission(full, HERE) is not None
    with pytest.raises(Problem, match="another audience"):
        await TokenVerifier(Keys(issuer), ISSUER).verify(full)


async def test_while_the_keys_are_away(issuer: Issuer, ended: RevocationList) -> None:
    class Away(Keys):
        async def key(self, kid: str) -> Any:
            raise KeysUnavailable("away")

    with pytest.raises(Problem, match="dependency-unavailable"):
        await TicketVerifier(Away(issuer), ISSUER, ended).admission(ticket(issuer), HERE)
