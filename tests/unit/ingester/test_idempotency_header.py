"""What is taken for an idempotency key."""

import pytest
from starlette.datastructures import Headers

from artstore.ingester.idempotency.header import MOST_CHARACTERS, idempotency_key
from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
        ('"8e03978e-40d5-43dd-bc93-6894a57f9324"', "8e03978e-40d5-43dd-bc93-6894a57f9324"),
        ('"with a space"', "with a space"),
        ("x" * MOST_CHARACTERS, "x" * MOST_CHARACTERS),
    ],
)
def test_a_key_with_quotes_or_without(given: str, key: str) -> None:
    assert idempotency_key(Headers({"Idempotency-Key": given})) == key


def test_none() -> None:
    assert idempotency_key(Headers({})) is None


@pytest.mark.parametrize(
    "given", ["", '""', '"', 'a"b', "a b", "a\\b", '"a\\"b"', "ключ", "x" * (MOST_CHARACTERS + 1)]
)
def test_what_is_no_key_is_refused(given: str) -> None:
    with pytest.raises(Problem) as refused:
        idempotency_key(Headers(raw=[(b"idempotency-key", given.encode())]))
    assert refused.value.kind is ProblemType.INVALID_PARAMETER
    assert refused.value.field == "Idempotency-Key"


def test_two_keys_are_refused() -> None:
    with pytest.raises(Problem):
        idempotency_key(Headers(raw=[(b"idempotency-key", b"a"), (b"idempotency-key", b"a")]))
