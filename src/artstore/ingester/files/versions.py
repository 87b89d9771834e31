"""Of which document an upload becomes a version: found among all elements, told to the one that takes it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self
from uuid import UUID

from starlette.requests import Request

from artstore.ingester.files.locating import Locating
from artstore.kernel.access import Principal
from artstore.kernel.peers import ServiceToken, forwarded_headers
from artstore.kernel.problems import Problem
from artstore.wire.headers import DOCUMENT_ID, PREVIOUS_VERSION_ID, SERVICE_TOKEN
from artstore.wire.problems import ProblemType

FIELDS: Final = ("replaces", "document_id")


@dataclass(frozen=True, slots=True)
class Follows:
    """What a client says: the version that its upload follows, the document that it belongs to, or both."""

    replaces: UUID | None
    document_id: UUID | None

    @classmethod
    def of(cls, told: Mapping[str, Iterable[str]]) -> Self | None:
        """From all values of each field; None where there are none. Raises Problem INVALID_PARAMETER."""
        replaces, document_id = (_id(name, told.get(name, ())) for name in FIELDS)
        return None if replaces is document_id is None else cls(replaces, document_id)


class Versions:
    """``token`` is None where this service has no account, and nobody would believe it."""

    def __init__(self, locating: Locating, token: ServiceToken | None) -> None:
        self._locating = locating
        self._token = token

    async def headers(
        self, follows: Follows | None, request: Request, principal: Principal
    ) -> dict[str, str]:
        """What tells an element of it; nothing for an upload that is no version.

        Raises Problem NOT_FOUND for a document that is not there or not the caller's to see, NOT_PERMITTED
        for one that it may not change, INVALID_PARAMETER where the client contradicts itself,
        ELEMENT_UNAVAILABLE, and AdminAway.
        """
        if follows is None:
            return {}
        told = await self._told(follows, request, principal)
        if self._token is None:
            raise Problem(
                ProblemType.DEPENDENCY_UNAVAILABLE,
                "This service has no account with which it could vouch for versions; tell its administrator.",
            )
        return {**told, SERVICE_TOKEN: await self._token.get()}

    def check(self, status: int, content: bytes) -> None:
        """Of an element's answer: raises Problem where it did not believe this service, and took nothing."""
        if status == ProblemType.NOT_PERMITTED.status and SERVICE_TOKEN.encode() in content:
            if self._token is not None:
                self._token.forget()
            raise Problem(
                ProblemType.DEPENDENCY_UNAVAILABLE,
                "The token of this service has just ended, and nothing is stored; send the upload again.",
            )

    async def _told(self, follows: Follows, request: Request, principal: Principal) -> dict[str, str]:
        asking = forwarded_headers(request, principal)
        if follows.replaces is None:
            assert follows.document_id is not None, "one of both is there"
            first = await self._document("document_id", follows.document_id, principal, asking)
            if _document_of(first) != follows.document_id:
                detail = (
                    f"This is a version of the document {_document_of(first)}; send that as 'document_id',"
                    " or this as 'replaces'."
                )
                raise Problem(ProblemType.INVALID_PARAMETER, detail, field="document_id")
            return {DOCUMENT_ID: str(follows.document_id)}
        previous = await self._document("replaces", follows.replaces, principal, asking)
        document_id = _document_of(previous)
        if follows.document_id not in (None, document_id):
            detail = f"The version that 'replaces' names belongs to the document {document_id}."
            raise Problem(ProblemType.INVALID_PARAMETER, detail, field="document_id")
        return {DOCUMENT_ID: str(document_id), PREVIOUS_VERSION_ID: str(follows.replaces)}

    async def _document(
        self, field: str, file_id: UUID, principal: Principal, headers: Mapping[str, str]
    ) -> dict[str, Any]:
        try:
            [copy, *_] = await self._locating.copies(file_id, principal, headers)
        except Problem as problem:
            if problem.kind is ProblemType.NOT_FOUND:
                raise Problem(problem.kind, problem.detail, field=field) from problem
            raise
        if not principal.may_change(copy.owner_id):
            raise Problem(
                ProblemType.NOT_PERMITTED,
                "You may read this document, but not store versions of it; its owner's documents must be"
                " granted to you with 'files:write'.",
                field=field,
            )
        return copy.document


def _document_of(document: Mapping[str, Any]) -> UUID:
    """The id that all versions share: that of the first one, unless an archive came with another."""
    return UUID(document.get("document_id") or document["file_id"])


def _id(name: str, values: Iterable[str]) -> UUID | None:
    given = {value.strip() for value in values} - {""}  # an HTML form sends the fields that nobody filled in
    if len(given) > 1:
        detail = f"The field {name!r} is given twice, with different values."
        raise Problem(ProblemType.INVALID_PARAMETER, detail, field=name)
    try:
        return UUID(given.pop()) if given else None
    except ValueError:
        detail = f"The field {name!r} must be the UUID of a document, its 'file_id'."
        raise Problem(ProblemType.INVALID_PARAMETER, detail, field=name) from None
