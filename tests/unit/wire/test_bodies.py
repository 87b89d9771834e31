"""JSON has types: what is of another one than a member is refused, not guessed at."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from artstore.wire.archives import NewArchive
from artstore.wire.links import NewLink
from artstore.wire.search import SearchRequest

NUMBERS: list[tuple[type[BaseModel], str]] = [
    (NewLink, "expires_in"),
    (SearchRequest, "limit"),
    (SearchRequest, "size_min"),
    (NewArchive, "size_max"),
]
SWITCHES: list[tuple[type[BaseModel], str]] = [
    (NewLink, "once"),
    (NewLink, "direct"),
    (NewArchive, "partial"),
    *((SearchRequest, name) for name in ("total", "corrections", "highlight")),
]


@pytest.mark.parametrize(("body", "name"), NUMBERS)
@pytest.mark.parametrize("value", [True, "60", "", [60], 1.5])
def test_numbers(body: type[BaseModel], name: str, value: Any) -> None:
    beside = {} if body is NewLink else {"q": "x"}
    assert getattr(body.model_validate({name: 60, **beside}), name) == 60
    with pytest.raises(ValidationError):
        body.model_validate({name: value, **beside})


@pytest.mark.parametrize(("body", "name"), SWITCHES)
@pytest.mark.parametrize("value", [1, 0, "true", "no", [True]])
def test_switches(body: type[BaseModel], name: str, value: Any) -> None:
    beside = {} if body is NewLink else {"q": "x"}
    assert getattr(body.model_validate({name: True, **beside}), name) is True
    with pytest.raises(ValidationError):
        body.model_validate({name: value, **beside})


@pytest.mark.parametrize("exists", [0, "false"])
def test_conditions(exists: Any) -> None:
    SearchRequest.model_validate({"attribute": [{"path": ["a"], "exists": False}]})
    with pytest.raises(ValidationError):
        SearchRequest.model_validate({"attribute": [{"path": ["a"], "exists": exists}]})
