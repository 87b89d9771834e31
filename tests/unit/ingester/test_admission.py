"""How many uploads are under way at once."""

import pytest

from artstore.ingester.admission import Admission
from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType


def refusal(admission: Admission, account_id: str) -> ProblemType:
    with pytest.raises(Problem) as refused, admission.taken(account_id):
        pass
    assert int(refused.value.headers["Retry-After"]) > 0
    return refused.value.kind


def test_of_one_account() -> None:
    admission = Admission(10, 2)
    with admission.taken("a"):
        with admission.taken("a"):
            assert refusal(admission, "a") is ProblemType.TOO_MANY_REQUESTS
            with admission.taken("b"):
                pass
        with admission.taken("a"):
            pass


def test_of_all() -> None:
    admission = Admission(2, 2)
    with admission.taken("a"), admission.taken("b"):
        assert refusal(admission, "c") is ProblemType.NO_ELEMENT_AVAILABLE
    with admission.taken("c"), admission.taken("c"):
        pass


def test_given_back_by_what_fails() -> None:
    admission = Admission(1, 1)
    for _ in range(2):
        with pytest.raises(OSError, match="gone"), admission.taken("a"):
            raise OSError("gone")
