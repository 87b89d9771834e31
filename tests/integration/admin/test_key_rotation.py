"""Keys follow one another: when somebody asks, on schedule, at once when one is compromised; once, however many
processes there are.
"""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, LiteralString

import httpx
import psycopg
import pytest
from psycopg.types.json import Jsonb
from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from artstore.admin.administrators import totp
from artstore.admin.keys.pairs import generate_pair
from artstore.launcher.errors import CannotStart
from artstore.launcher.postgres import EmbeddedPostgres
from artstore.launcher.redis import EmbeddedRedis
from artstore.wire.keys import KEYS_CHANNEL, KeyAnnouncement, KeyState, SigningKey
from tests.support.system import eventually

from . import people
from .conftest import ACCOUNTS_PATH, PASSPHRASE, Admin, Backends, StartAdmin, libpq, same_accounts

KEYS_PATH = "/api/v1/jwt-keys"
SOON = {"key_lead_seconds": "2", "issuer": "http://archive.example"}
"""Processes that act as one have one issuer."""


def published(admin: Admin) -> set[str]:
    keys = admin.http.get("/.well-known/jwks.json").json()["keys"]
    return {key["kid"] for key in keys}


def listed(admin: Admin) -> dict[str, SigningKey]:
    answer = admin.http.get(KEYS_PATH, headers=admin.headers())
    assert answer.status_code == 200, answer.text
    keys = [SigningKey.model_validate(item) for item in answer.json()["items"]]
    return {key.kid: key for key in keys}


def states(admin: Admin) -> dict[str, KeyState]:
    return {kid: key.state for kid, key in listed(admin).items()}


def change(admin: Admin, path: str) -> SigningKey:
    answer = admin.http.post(f"{KEYS_PATH}/{path}", headers=admin.headers())
    assert answer.status_code == 200, answer.text
    return SigningKey.model_validate(answer.json())


def rotate(admin: Admin) -> str:
    return change(admin, "rotate").kid


def revoke(admin: Admin, kid: str) -> SigningKey:
    return change(admin, f"{kid}/revoke")


def signer_of(token: str) -> str:
    head = token.partition(".")[0]
    return str(json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"])


def status_with(admin: Admin, token: str) -> int:
    return admin.http.get(ACCOUNTS_PATH, headers={"Authorization": f"Bearer {token}"}).status_code


def execute(admin: Admin, statement: LiteralString, *values: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(libpq(admin.backends.database_url), autocommit=True) as connection:
        done = connection.execute(statement, values)
        return done.fetchall() if done.description else []


def has_private_part(admin: Admin, kid: str) -> bool:
    query: LiteralString = "SELECT private_pem IS NOT NULL FROM admin.signing_keys WHERE kid = %s"
    return bool(execute(admin, query, kid)[0][0])


def made_on_schedule(*admins: Admin) -> float:
    name = 'artstore_admin_key_rotations_total{cause="schedule"} '
    lines = [line for admin in admins for line in admin.http.get("/metrics").text.splitlines()]
    return sum(float(line.removeprefix(name)) for line in lines if line.startswith(name))


def age_of_the_signing_key(admin: Admin) -> float:
    name = "artstore_admin_signing_key_seconds "
    lines = admin.http.get("/metrics").text.splitlines()
    [value] = [line.removeprefix(name) for line in lines if line.startswith(name)]
    return float(value)


async def signs(admin: Admin, kid: str) -> None:
    await eventually(lambda: signer_of(admin.token()) == kid, f"{kid} does not sign")


async def both_sign(admins: tuple[Admin, Admin], kid: str) -> None:
    for admin in admins:
        await signs(admin, kid)


@asynccontextmanager
async def announcements(admin: Admin) -> AsyncIterator[PubSub]:
    redis: Redis = Redis.from_url(admin.backends.redis.url)
    async with redis, redis.pubsub() as subscription:
        await subscription.subscribe(KEYS_CHANNEL)
        yield subscription


async def announced(subscription: PubSub, kids: set[str]) -> None:
    async with asyncio.timeout(30):
        while True:
            message = await subscription.get_message(ignore_subscribe_messages=True, timeout=5)
            if message is not None and KeyAnnouncement.model_validate_json(message["data"]).kids == kids:
                return


@pytest.fixture(scope="module")
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    server = EmbeddedRedis(tmp_path_factory.mktemp("keys-redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def shared_patient(start_shared: StartAdmin, postgres: EmbeddedPostgres, redis: EmbeddedRedis) -> Admin:
    backends = Backends(postgres.create_database("keys_patient"), redis)
    return start_shared(backends, key_lead_seconds="120", token_seconds="600")


@pytest.fixture(scope="module")
def shared_two(
    start_shared: StartAdmin, postgres: EmbeddedPostgres, own_redis: EmbeddedRedis
) -> tuple[Admin, Admin]:
    times = {"key_rotation_seconds": "3600", **SOON}
    one = start_shared(Backends(postgres.create_database("keys_quick"), own_redis), **times)
    return one, start_shared(one.backends, **same_accounts(one), **times)


@pytest.fixture
def patient(shared_patient: Admin) -> Admin:
    """Its new keys stay pending. It begins with the key that signs and no other."""
    return with_one_key(shared_patient)


@pytest.fixture
def two(shared_two: tuple[Admin, Admin]) -> tuple[Admin, Admin]:
    """Two processes side by side, whose new keys sign soon, with the key that signs and no other."""
    one, other = shared_two
    return with_one_key(one), other


@pytest.fixture
def quick(two: tuple[Admin, Admin]) -> Admin:
    return two[0]


def with_one_key(admin: Admin) -> Admin:
    """One that is pending may begin to sign just before it is revoked; then another one takes its place."""

    def others() -> list[str]:
        return [kid for kid, state in states(admin).items() if state in (KeyState.PENDING, KeyState.RETIRING)]

    while found := others():
        for kid in found:
            revoke(admin, kid)
    return admin


class TestRotation:
    async def test_new_key_is_published_before_it_signs_and_the_old_one_stays(self, patient: Admin) -> None:
        token = patient.token()
        old = signer_of(token)
        new = rotate(patient)
        assert published(patient) == {old, new}
        assert (states(patient)[new], states(patient)[old]) == (KeyState.PENDING, KeyState.SIGNING)
        assert signer_of(patient.token()) == old
        execute(patient, "UPDATE admin.signing_keys SET signs_from = now() WHERE kid = %s", new)
        await signs(patient, new)
        assert (states(patient)[new], states(patient)[old]) == (KeyState.SIGNING, KeyState.RETIRING)
        assert published(patient) == {old, new}
        assert status_with(patient, token) == 200

    def test_old_key_is_good_for_as_long_as_its_last_token(self, patient: Admin) -> None:
        old, new = signer_of(patient.token()), rotate(patient)
        keys = listed(patient)
        good_until = keys[old].good_until
        assert good_until is not None
        assert (good_until - keys[new].signs_from).total_seconds() >= 600 + 60
        assert keys[new].good_until is None

    def test_asked_again_while_one_is_pending(self, patient: Admin) -> None:
        assert rotate(patient) == rotate(patient)
        assert len(published(patient)) == 2

    def test_is_refused_when_too_many_keys_are_good(self, patient: Admin) -> None:
        execute(
            patient,
            "INSERT INTO admin.signing_keys (kid, public_jwk, signs_from, good_until) SELECT 'old-' || n, %s,"
            " now() - interval '1 day', now() + interval '1 day' FROM generate_series(1, 49) n",
            Jsonb(generate_pair(PASSPHRASE).public_jwk),
        )
        answer = patient.http.post(f"{KEYS_PATH}/rotate", headers=patient.headers())
        assert answer.status_code == 409
        assert answer.json()["type"] == "urn:artstore:problem:conflict"
        revoke(patient, "old-1")
        rotate(patient)
        execute(patient, "DELETE FROM admin.signing_keys WHERE kid LIKE 'old-%%'")

    async def test_token_of_a_key_that_was_rotated_out(self, quick: Admin) -> None:
        token = quick.token()
        assert status_with(quick, token) == 200  # remembered
        new = rotate(quick)
        await signs(quick, new)
        execute(quick, "UPDATE admin.signing_keys SET good_until = now() WHERE kid = %s", signer_of(token))
        await eventually(lambda: status_with(quick, token) == 401, "the old key is still good")
        assert states(quick)[signer_of(token)] is KeyState.RETIRED
        assert published(quick) == {new}

    async def test_private_part_goes_with_the_next_rotation(self, quick: Admin) -> None:
        old = signer_of(quick.token())
        middle = rotate(quick)
        await signs(quick, middle)
        new = rotate(quick)
        assert [has_private_part(quick, kid) for kid in (old, middle, new)] == [False, True, True]

    async def test_on_schedule(self, two: tuple[Admin, Admin]) -> None:
        """Once, of two processes that are both to see to it."""
        before = made_on_schedule(*two)
        known = set(listed(two[0]))
        execute(two[0], "UPDATE admin.signing_keys SET signs_from = now() - interval '1 hour'")
        await eventually(lambda: set(listed(two[0])) > known, "no key is published on schedule")
        [new] = set(listed(two[0])) - known
        await both_sign(two, new)
        assert set(listed(two[0])) - known == {new}
        assert made_on_schedule(*two) == before + 1
        assert "artstore_admin_published_keys 2.0" in two[0].http.get("/metrics").text

    async def test_on_schedule_waits_while_too_many_keys_are_good(self, two: tuple[Admin, Admin]) -> None:
        """And the keys are followed meanwhile."""
        quick = two[0]
        execute(
            quick,
            "INSERT INTO admin.signing_keys (kid, public_jwk, signs_from, good_until) SELECT 'old-' || n, %s,"
            " now() - interval '1 day', now() + interval '1 day' FROM generate_series(1, 49) n",
            Jsonb(generate_pair(PASSPHRASE).public_jwk),
        )
        signing, before = signer_of(quick.token()), made_on_schedule(*two)
        execute(
            quick,
            "UPDATE admin.signing_keys SET signs_from = now() - interval '1 hour' WHERE kid = %s",
            signing,
        )
        await eventually(lambda: "no key is published on schedule" in quick.log(), "it does not say why")
        assert made_on_schedule(*two) == before
        assert "artstore_admin_published_keys 50.0" in quick.http.get("/metrics").text
        execute(quick, "DELETE FROM admin.signing_keys WHERE kid LIKE 'old-%%'")
        await eventually(lambda: made_on_schedule(*two) == before + 1, "it does not go on")
        await eventually(
            lambda: "artstore_admin_published_keys 2.0" in quick.http.get("/metrics").text,
            "the keys are not followed",
        )
        [new] = published(quick) - {signing}
        await both_sign(two, new)
        assert 'artstore_background_restarts_total{task="keys"}' not in quick.http.get("/metrics").text


class TestRevocation:
    async def test_of_the_key_that_signs(self, quick: Admin) -> None:
        token = quick.token()
        assert status_with(quick, token) == 200  # remembered
        async with announcements(quick) as subscription:
            revoked = revoke(quick, signer_of(token))
            assert revoked.state is KeyState.REVOKED
            assert status_with(quick, token) == 401
            [new] = published(quick)
            assert new != revoked.kid
            assert signer_of(quick.token()) == new
            await announced(subscription, {new})
        assert not has_private_part(quick, revoked.kid)

    def test_of_the_key_that_signs_while_another_is_pending(self, patient: Admin) -> None:
        old, new = signer_of(patient.token()), rotate(patient)
        revoke(patient, old)
        assert signer_of(patient.token()) == new
        assert published(patient) == {new}

    def test_of_the_pending_key(self, patient: Admin) -> None:
        old = signer_of(patient.token())
        revoke(patient, rotate(patient))
        assert published(patient) == {old}
        assert listed(patient)[old].good_until is None
        assert rotate(patient) in published(patient)

    async def test_of_a_retiring_key(self, quick: Admin) -> None:
        old = quick.token()
        new = rotate(quick)
        await signs(quick, new)
        revoke(quick, signer_of(old))
        assert status_with(quick, old) == 401
        assert published(quick) == {new}

    def test_twice(self, patient: Admin) -> None:
        kid = signer_of(patient.token())
        assert revoke(patient, kid) == revoke(patient, kid)
        assert len(published(patient)) == 1


class TestAudit:
    async def test_tells_who_did_what(self, quick: Admin) -> None:
        kid = rotate(quick)
        await signs(quick, kid)
        revoke(quick, kid)
        [follower] = published(quick) - {kid} & {
            key.kid for key in listed(quick).values() if key.state is KeyState.SIGNING
        }
        [made] = entries(quick, kid, "key.rotated")
        assert made["details"]["cause"] == "request"
        [revoked] = entries(quick, kid, "key.revoked")
        assert revoked["details"] == {"was": "signing"}
        [replaced] = entries(quick, follower, "key.rotated")
        assert replaced["details"] == {"cause": "revocation", "follows": kid}
        assert {entry["actor"]["name"] for entry in (made, revoked, replaced)} == {"administrator"}

    def test_tells_nothing_of_what_changes_nothing(self, patient: Admin) -> None:
        kid = rotate(patient)
        rotate(patient)
        assert len(entries(patient, kid, "key.rotated")) == 1


def entries(admin: Admin, kid: str, action: str) -> list[dict[str, Any]]:
    wanted = {"subject_kind": "key", "subject_id": kid, "action": action}
    answer = admin.http.get("/api/v1/audit", params=wanted, headers=admin.headers())
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


class TestTwoProcesses:
    async def test_rotate_at_once(self, start_admin: StartAdmin, backends: Backends) -> None:
        """With keys that stay pending: one that signed before all had asked would be followed by another."""
        times = {**SOON, "key_lead_seconds": "120"}
        one = start_admin(backends, **times)
        two = one, start_admin(backends, **same_accounts(one), **times)
        headers = one.headers()

        def ask(admin: Admin) -> str:
            answer = httpx.post(f"{admin.url}{KEYS_PATH}/rotate", headers=headers, timeout=30)
            return str(answer.json()["kid"])

        with ThreadPoolExecutor(8) as pool:
            [kid] = set(pool.map(ask, two * 4))
        execute(one, "UPDATE admin.signing_keys SET signs_from = now() WHERE kid = %s", kid)
        await both_sign(two, kid)
        assert published(two[0]) == published(two[1])
        assert len(published(two[0])) == 2

    async def test_revoke_at_once(self, two: tuple[Admin, Admin]) -> None:
        token = two[0].token()
        assert [status_with(admin, token) for admin in two] == [200, 200]
        kid, headers = signer_of(token), {"Authorization": f"Bearer {token}"}

        def ask(admin: Admin) -> int:
            url = f"{admin.url}{KEYS_PATH}/{kid}/revoke"
            return httpx.post(url, headers=headers, timeout=30).status_code

        with ThreadPoolExecutor(8) as pool:
            # Whoever comes when it is revoked already brings a token that is worthless.
            assert set(pool.map(ask, two * 4)) <= {200, 401}
        await eventually(
            lambda: [status_with(admin, token) for admin in two] == [401, 401], "one of them goes on"
        )
        assert published(two[0]) == published(two[1])
        assert len(published(two[0])) == 1

    async def test_token_of_a_key_that_the_other_has_just_made(self, two: tuple[Admin, Admin]) -> None:
        revoke(two[0], signer_of(two[0].token()))
        assert status_with(two[1], two[0].token()) == 200


class TestPassphrase:
    async def test_changes_without_a_pause(self, start_admin: StartAdmin, backends: Backends) -> None:
        """One process after the other is started again, with both passphrases and in the end with the new one."""
        old = start_admin(backends, **SOON)
        token, accounts = old.token(), same_accounts(old)
        new = {"key_passphrase": "a new passphrase for the keys"}
        both = start_admin(backends, **accounts, **new, key_passphrase_before=PASSPHRASE, **SOON)
        assert status_with(both, token) == 200
        assert published(both) == {signer_of(token)}

        # The other goes on meanwhile, also when a key is made that it cannot open.
        kid = rotate(both)
        await signs(both, kid)
        await eventually(lambda: kid in published(old), "it does not learn of the key")
        assert status_with(old, both.token()) == 200
        assert signer_of(old.token()) == signer_of(token)
        execute(both, "UPDATE admin.signing_keys SET signs_from = signs_from - interval '1 minute'")
        await eventually(lambda: age_of_the_signing_key(old) > 50, "it does not look any more")
        assert signer_of(old.token()) == signer_of(token)

        both.service.stop()
        with pytest.raises(CannotStart, match="ARTSTORE_ADMIN_KEY_PASSPHRASE"):
            start_admin(backends, **accounts)
        last = start_admin(backends, **accounts, **new, **SOON)
        assert signer_of(last.token()) == kid
        assert status_with(last, token) == 200

    def test_second_factors_are_encrypted_anew(self, start_admin: StartAdmin, backends: Backends) -> None:
        old = start_admin(backends)
        person = people.made(people.first(old).log_in())
        factor, _ = person.enrol(person.log_in())
        accounts = same_accounts(old)
        old.service.stop()
        new = {"key_passphrase": "a new passphrase for the keys"}
        start_admin(backends, **accounts, **new, key_passphrase_before=PASSPHRASE).service.stop()
        last = start_admin(backends, **accounts, **new)
        steps = totp.step_at(time.time()) - factor.step
        login = person.log_in(at=last, code=factor.code(max(1, steps)))
        assert login.session_id


class TestHttp:
    def test_pages(self, patient: Admin) -> None:
        for _ in range(3):
            revoke(patient, rotate(patient))
        seen: list[str] = []
        cursor = None
        while True:
            parameters = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
            page = patient.http.get(KEYS_PATH, params=parameters, headers=patient.headers()).json()
            seen += [item["kid"] for item in page["items"]]
            if (cursor := page["next_cursor"]) is None:
                break
        assert seen == list(listed(patient))
        assert len(seen) == len(set(seen)) > 3

    @pytest.mark.parametrize("cursor", ["AA", "MjAyNg", "MjAyNi0wMS0wMSBh", "%00"])
    def test_bad_cursor(self, admin: Admin, cursor: str) -> None:
        answer = admin.http.get(KEYS_PATH, params={"cursor": cursor}, headers=admin.headers())
        assert answer.status_code == 400

    @pytest.mark.parametrize("kid", ["nowhere", "%D1%8D", "a%2Fb"])
    def test_unknown(self, admin: Admin, kid: str) -> None:
        assert admin.http.post(f"{KEYS_PATH}/{kid}/revoke", headers=admin.headers()).status_code == 404

    def test_id_that_no_key_can_have(self, admin: Admin) -> None:
        assert admin.http.post(f"{KEYS_PATH}/a%00b/revoke", headers=admin.headers()).status_code == 422

    def test_scopes(self, admin: Admin) -> None:
        assert admin.http.get(KEYS_PATH).status_code == 401
        services = admin.headers(admin.services)
        assert admin.http.get(KEYS_PATH, headers=services).status_code == 200
        for path in ("rotate", "any/revoke"):
            assert admin.http.post(f"{KEYS_PATH}/{path}", headers=services).status_code == 403
