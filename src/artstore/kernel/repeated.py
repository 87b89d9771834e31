"""Parameters of a query that may be given once."""

from collections.abc import Callable
from typing import get_origin

from fastapi import Request
from pydantic import BaseModel

from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType


def once(*names: str) -> Callable[[Request], None]:
    """A dependency that refuses a query in which one of these stands twice: FastAPI takes the last one, and
    what the others ask for would be left out unseen. Raises Problem INVALID_PARAMETER."""

    def check(request: Request) -> None:
        for name in names:
            if len(given := request.query_params.getlist(name)) > 1:
                raise Problem(
                    ProblemType.INVALID_PARAMETER,
                    f"'{name}' (in the query) is given {len(given)} times, and may be given once.",
                    field=name,
                )

    return check


def single(parameters: type[BaseModel]) -> list[str]:
    """The names of those that are no lists."""
    fields = parameters.model_fields.items()
    return [name for name, field in fields if get_origin(field.annotation) is not list]
