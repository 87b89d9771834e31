"""How many uploads are under way at once."""

import pytest

from artstore.ingester.places import Places
from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType


def refusal(places: Places, account_id: str) -> ProblemType:
    with pytest.raises(Problem) as refused, places.taken(account_id):
        pass
    assert int(refused.value.headers["Retry-After"]) > 0
    return refused.value.kind


def test_of_one_account() -> None:
    places = Places(10, 2)
    with places.taken("a"):
        with places.taken("a"):
            assert refusal(places, "a") is ProblemType.TOO_MANY_REQUESTS
            with places.taken("b"):
                pass
        with places.taken("a"):
            pass


def test_of_all() -> None:
    places = Places(2, 2)
    with places.taken("a"), places.taken("b"):
        assert refusal(places, "c") is ProblemType.NO_ELEMENT_AVAILABLE
    with places.taken("c"), places.taken("c"):
        pass


def test_given_back_by_what_fails() -> None:
    places = Places(1, 1)
    for _ in range(2):
        with pytest.raises(OSError, match="gone"), places.taken("a"):
            raise OSError("gone")
