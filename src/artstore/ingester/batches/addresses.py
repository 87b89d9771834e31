"""Ids of batches: which element has the batch, and what it is called there."""

import re
from typing import NamedTuple, Self

from starlette.requests import Request

from artstore.kernel.problems import Problem
from artstore.wire.batches import BATCH_PARAMETER
from artstore.wire.problems import ProblemType

PATH = "/api/v1/batches"
_NAME = re.compile(r"([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)\.([0-9a-f]{32})")


class BatchAddress(NamedTuple):
    element_id: str
    id_at_element: str

    @classmethod
    def demand(cls, name: str) -> Self:
        """Raises Problem NOT_FOUND for what no id is like."""
        match = _NAME.fullmatch(name)
        if match is None:
            raise batch_not_found()
        return cls(*match.groups())

    @property
    def name(self) -> str:
        return f"{self.element_id}.{self.id_at_element}"

    @property
    def path_at_element(self) -> str:
        return f"{PATH}/{self.id_at_element}"


def batch_in(request: Request) -> BatchAddress | None:
    """That the query of an upload names. Raises Problem NOT_FOUND, and INVALID_PARAMETER for two."""
    names = set(request.query_params.getlist(BATCH_PARAMETER))
    if len(names) > 1:
        detail = "The document can be in one batch only."
        raise Problem(ProblemType.INVALID_PARAMETER, detail, field=BATCH_PARAMETER)
    return BatchAddress.demand(names.pop()) if names else None


def batch_not_found() -> Problem:
    detail = "There is no such batch, it has expired, or it is another account's; open another one."
    return Problem(ProblemType.NOT_FOUND, detail, is_refusal=True)
