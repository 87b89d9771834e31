"""Of which document an upload is a version: told by the Ingester, see ``wire.headers.DOCUMENT_ID``."""

from typing import NamedTuple
from uuid import UUID

from starlette.requests import Request

from artstore.kernel.access import vouching
from artstore.kernel.problems import Problem
from artstore.wire.headers import DOCUMENT_ID, PREVIOUS_VERSION_ID, SERVICE_TOKEN
from artstore.wire.problems import ProblemType
from artstore.wire.scopes import Scope


class VersionOf(NamedTuple):
    document_id: UUID
    previous_version_id: UUID | None


async def version_of(request: Request) -> VersionOf | None:
    """Raises Problem NOT_PERMITTED where no service vouches for it: here nobody knows whether there is such a
    document, and whose it is.
    """
    document_id, previous = _id(request, DOCUMENT_ID), _id(request, PREVIOUS_VERSION_ID)
    if document_id is None and previous is None:
        return None
    if not await vouching(request, request.headers.get(SERVICE_TOKEN, ""), Scope.VERSIONS_VOUCH):
        raise Problem(
            ProblemType.NOT_PERMITTED,
            "Which document an upload is a version of is told by the Ingester alone; send the upload there.",
            field=SERVICE_TOKEN,
        )
    if document_id is None:
        raise _no_id(DOCUMENT_ID)
    return VersionOf(document_id, previous)


def _id(request: Request, name: str) -> UUID | None:
    given = request.headers.get(name)
    try:
        return None if given is None else UUID(given)
    except ValueError:
        raise _no_id(name) from None


def _no_id(name: str) -> Problem:
    return Problem(ProblemType.INVALID_PARAMETER, f"The header {name} must be a UUID.", field=name)
