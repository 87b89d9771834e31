"""Every problem type has its class, and every error can be rendered."""

import pytest

from artstore.sdk import errors
from artstore.sdk.errors import CLASS_OF_KIND, ArtStoreError, error_of_answer
from artstore.wire.problems import ProblemBody, ProblemType


def classes(base: type[ArtStoreError] = ArtStoreError) -> list[type[ArtStoreError]]:
    return [base, *(below for child in base.__subclasses__() for below in classes(child))]


@pytest.mark.parametrize("kind", ProblemType)
def test_every_problem_type_maps(kind: ProblemType) -> None:
    body = ProblemBody.of(kind, "what was wrong", field="file", request_id="r-1").model_dump()
    error = error_of_answer(kind.status, body, url="http://x")
    assert type(error) is CLASS_OF_KIND[kind]
    assert type(error) is not ArtStoreError
    assert error.kind is kind
    assert error.field == "file"
    assert error.request_id == "r-1"
    assert "what was wrong" in str(error)


def test_classes_agree_with_status() -> None:
    for kind, found in CLASS_OF_KIND.items():
        if kind.status == 503:
            assert issubclass(found, errors.Unavailable), kind
        if kind.status in (401, 403):
            assert issubclass(found, errors.AccessRefused), kind


def test_a_failure_of_the_service_names_the_request() -> None:
    body = ProblemBody.of(ProblemType.INTERNAL, "It failed.", request_id="r-7").model_dump()
    assert "r-7" in str(error_of_answer(500, body, url="http://x"))


@pytest.mark.parametrize(
    ("status", "found"),
    [
        (400, errors.Rejected),
        (401, errors.Unauthenticated),
        (404, errors.NotFound),
        (418, errors.Rejected),
        (500, errors.ServiceFailed),
        (502, errors.Unavailable),
        (507, errors.NoRoom),
    ],
)
@pytest.mark.parametrize(
    "body",
    [
        None,
        "text",
        {"type": "urn:artstore:problem:newer-than-this", "title": "t", "status": 400, "detail": "d"},
    ],
)
def test_what_is_unknown_is_judged_by_its_status(status: int, found: type[Exception], body: object) -> None:
    error = error_of_answer(status, body, url="http://x")
    assert type(error) is found
    assert error.kind is None
    assert str(error)


@pytest.mark.parametrize("found", classes())
def test_every_class_renders_and_is_in_the_drawing(found: type[ArtStoreError]) -> None:
    assert str(found("a sentence")) == "a sentence"
    assert found.__name__ in (errors.__doc__ or "")
    assert found.__doc__
