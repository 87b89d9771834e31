"""Parameters of a query that would be left out unseen: given twice, or not known."""

from collections.abc import Awaitable, Callable, Collection
from typing import get_origin

from fastapi import Request
from pydantic import BaseModel

from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType


def once(*names: str) -> Callable[[Request], Awaitable[None]]:
    """A dependency that refuses a query in which one of these stands twice: FastAPI takes the last one, and
    what the others ask for would be left out unseen. Raises Problem INVALID_PARAMETER."""

    async def check(request: Request) -> None:
        for name in names:
            if len(given := request.query_params.getlist(name)) > 1:
                raise Problem(
                    ProblemType.INVALID_PARAMETER,
                    f"'{name}' (in the query) is given {len(given)} times, and may be given once.",
                    field=name,
                )

    return check


def only(*names: str, several: Collection[str] = ()) -> Callable[[Request], Awaitable[None]]:
    """A dependency that refuses every other parameter than these, of which only those of ``several`` may
    stand more than once. Raises Problem INVALID_PARAMETER."""
    check_once = once(*names)

    async def check(request: Request) -> None:
        for name in request.query_params:
            if name not in names and name not in several:
                known = ", ".join((*names, *several)) or "none"
                raise Problem(
                    ProblemType.INVALID_PARAMETER,
                    f"'{name}' (in the query) is not known here; known are: {known}.",
                    field=name,
                )
        await check_once(request)

    return check


def single(parameters: type[BaseModel]) -> list[str]:
    """The names of those that are no lists."""
    fields = parameters.model_fields.items()
    return [name for name, field in fields if get_origin(field.annotation) is not list]
