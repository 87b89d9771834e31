"""What is secret of administrators: hashed passwords, one-time texts, sealed secrets of second factors."""

import asyncio
import re
from collections.abc import Iterator
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstore.admin.administrators.attempts import key_of_address, key_of_name
from artstore.admin.administrators.one_time import code_hash, new_code, new_recovery_codes, token_hash
from artstore.admin.administrators.passwords import PasswordHasher
from artstore.admin.administrators.sealing import CannotOpen, Seal
from artstore.admin.administrators.totp import new_secret
from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType


@pytest.fixture(scope="module")
def hasher() -> Iterator[PasswordHasher]:
    made = PasswordHasher()
    yield made
    made.close()


class Watched(PasswordHasher):
    """Keeps what was compared with."""

    def __init__(self) -> None:
        super().__init__()
        self.looked_at: list[str] = []

    def _verify(self, known: str, text: str) -> bool:
        self.looked_at.append(known)
        return super()._verify(known, text)


class TestPasswords:
    async def test_matches_what_it_hashed(self, hasher: PasswordHasher) -> None:
        hashed = await hasher.hash("quiet otter")
        assert hashed.startswith("$argon2id$")
        assert await hasher.matches("quiet otter", hashed)
        assert not await hasher.matches("quiet Otter", hashed)
        assert not hasher.is_outdated(hashed)

    async def test_what_looks_the_same_is_the_same(self, hasher: PasswordHasher) -> None:
        assert await hasher.matches("cafe\u0301", await hasher.hash("caf\u00e9"))

    @pytest.mark.parametrize("password", ["", "\0", "a\0b", "Ы" * 256, "🦦" * 20])
    async def test_any_text(self, hasher: PasswordHasher, password: str) -> None:
        hashed = await hasher.hash(password)
        assert await hasher.matches(password, hashed)
        assert not await hasher.matches(password + "\0", hashed)

    async def test_nobodys_password_is_compared_with_as_much_work(self) -> None:
        """With a hash of the same parameters, which no password has."""
        hasher = Watched()
        assert not await hasher.matches("whatever", None)
        [known] = hasher.looked_at
        assert not hasher.is_outdated(known)
        hasher.close()

    @pytest.mark.parametrize("known", ["", "x", "$2b$12$abc", "$argon2id$v=19$m=1,t=1,p=1$AA$AA"])
    async def test_a_hash_that_is_none(self, hasher: PasswordHasher, known: str) -> None:
        assert not await hasher.matches("whatever", known)

    async def test_more_than_can_be_served_are_refused_at_once(self, hasher: PasswordHasher) -> None:
        async def one() -> str:
            with hasher.place():
                return await hasher.hash("x")

        outcomes = await asyncio.gather(*(one() for _ in range(60)), return_exceptions=True)
        refused = [outcome for outcome in outcomes if isinstance(outcome, Problem)]
        assert {(problem.kind, problem.headers["Retry-After"]) for problem in refused} == {
            (ProblemType.TOO_MANY_REQUESTS, "1")
        }
        assert len(refused) == 60 - 32
        assert await one()


class TestOneTime:
    def test_codes_can_be_copied_by_hand(self) -> None:
        code = new_code()
        assert re.fullmatch(r"([A-Z2-7]{4}-){3}[A-Z2-7]{4}", code)
        assert code_hash(f"  {code.lower().replace('-', ' ')} ") == code_hash(code)
        assert code_hash(code) != code_hash(new_code())

    def test_recovery_codes_differ(self) -> None:
        assert len(set(new_recovery_codes())) == 10

    @given(st.text(), st.text())
    def test_only_the_same_token_has_the_hash(self, one: str, other: str) -> None:
        assert (token_hash(one) == token_hash(other)) == (one == other)

    @given(st.text())
    def test_any_text_may_be_given_as_a_code(self, text: str) -> None:
        assert len(code_hash(text)) == 32


class TestSeal:
    SEAL = Seal("correct horse battery staple")

    @given(st.binary(max_size=64))
    def test_opens_what_it_closed(self, secret: bytes) -> None:
        owner = uuid4()
        sealed = self.SEAL.close(secret, owner)
        assert self.SEAL.open(sealed, owner) == secret
        assert self.SEAL.close(secret, owner) != sealed

    def test_not_for_another_owner_nor_with_another_passphrase(self) -> None:
        owner = uuid4()
        sealed = self.SEAL.close(b"secret", owner)
        with pytest.raises(CannotOpen):
            self.SEAL.open(sealed, uuid4())
        with pytest.raises(CannotOpen, match="ARTSTORE_ADMIN_KEY_PASSPHRASE"):
            Seal("another passphrase of some length").open(sealed, owner)

    @given(st.integers(0, 200), st.characters())
    def test_nothing_that_was_changed(self, at: int, character: str) -> None:
        owner = uuid4()
        # As long as they are: Base64 of other lengths has bits that mean nothing.
        sealed = self.SEAL.close(new_secret(), owner)
        at %= len(sealed)
        changed = sealed[:at] + character + sealed[at + 1 :]
        if changed != sealed:
            with pytest.raises(CannotOpen):
                self.SEAL.open(changed, owner)


class TestKeysOfAttempts:
    def test_an_ipv6_customer_is_one(self) -> None:
        assert key_of_address("2001:db8::1") == key_of_address("2001:db8::ffff:1")
        assert key_of_address("2001:db8::1") != key_of_address("2001:db8:0:1::1")
        assert key_of_address("::ffff:10.0.0.1") == key_of_address("10.0.0.1")
        assert key_of_address("10.0.0.1") != key_of_address("10.0.0.2")

    def test_a_name_is_no_address(self) -> None:
        assert key_of_name("10.0.0.1") != key_of_address("10.0.0.1")

    @given(st.text())
    def test_any_text(self, text: str) -> None:
        assert len(key_of_address(text)) == len(key_of_name(text)) == 32
