"""Secrets: hashed whole whatever their length, compared in threads, and never by more callers than can be served."""

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artstore.admin.service_accounts.client_secrets import (
    SecretHasher,
    new_secret,
    prefix_of,
    selector_of,
)
from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType


@pytest.fixture(scope="module")
def hasher() -> Iterator[SecretHasher]:
    made = SecretHasher()
    yield made
    made.close()


async def test_matches_what_it_hashed(hasher: SecretHasher) -> None:
    secret = new_secret().text
    hashed = await hasher.hash(secret)
    assert secret not in hashed
    assert await hasher.matches(secret, hashed)
    assert not await hasher.matches(secret + "x", hashed)


def test_a_secret_tells_its_selector_and_nothing_else() -> None:
    made = new_secret()
    assert selector_of(made.text) == made.selector
    assert made.text.startswith(prefix_of(made.selector))
    assert made.text not in repr(made)
    for other in ("", "secret", made.text[:-1], made.text + "x", made.text.upper()):
        assert selector_of(other) is None


async def test_same_secret_is_hashed_differently_each_time(hasher: SecretHasher) -> None:
    assert await hasher.hash("secret") != await hasher.hash("secret")


async def test_nothing_matches_no_secret_at_all(hasher: SecretHasher) -> None:
    assert not await hasher.matches("secret", None)


@settings(max_examples=15, deadline=None)
@given(st.text(min_size=1, max_size=300), st.text(min_size=1, max_size=300))
async def test_only_the_same_text_matches(hasher: SecretHasher, one: str, other: str) -> None:
    """Also where both begin with the same 72 bytes, and where they hold NUL."""
    hashed = await hasher.hash("\0" * 72 + one)
    assert await hasher.matches("\0" * 72 + one, hashed)
    assert await hasher.matches("\0" * 72 + other, hashed) == (one == other)


async def test_more_callers_than_can_be_served_are_refused_at_once() -> None:
    hasher = SecretHasher()
    outcomes = await asyncio.gather(*(hasher.hash("s") for _ in range(300)), return_exceptions=True)
    hasher.close()
    refused = [outcome for outcome in outcomes if isinstance(outcome, Problem)]
    assert {(problem.kind, problem.headers["Retry-After"]) for problem in refused} == {
        (ProblemType.TOO_MANY_REQUESTS, "1")
    }
    assert 0 < len(refused) < 100
    assert all(isinstance(outcome, str | Problem) for outcome in outcomes)


async def test_room_comes_back() -> None:
    hasher = SecretHasher()
    await asyncio.gather(*(hasher.hash("s") for _ in range(300)), return_exceptions=True)
    assert await hasher.hash("s")
    hasher.close()
