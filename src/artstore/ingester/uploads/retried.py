"""Where the document is of an upload that is tried again, and whose first try may have been stored.

Its element commits an id once, but the document may have left for another element since, and the first one
remembers that for minutes only. So all elements are asked, and the upload goes where the document is.
"""

from collections.abc import Callable
from dataclasses import dataclass

from artstore.attributes import FileId
from artstore.ingester.files.locating import Locating
from artstore.ingester.idempotency.once import Once
from artstore.ingester.uploads.delivery import Identity
from artstore.kernel.access import Principal
from artstore.kernel.peers import ServiceToken
from artstore.kernel.problems import Problem
from artstore.wire.elements import Mode, RegisteredElement
from artstore.wire.problems import ProblemType
from artstore.wire.scopes import Scope


@dataclass(frozen=True, slots=True)
class Moved:
    """The identity of an upload whose document is in another element than its tries went to."""

    upload: Identity
    element_id: str
    is_new: bool = False

    async def begin(self, element_id: str) -> tuple[str, FileId]:
        _, file_id = await self.upload.begin(element_id)
        return self.element_id, file_id

    async def nothing_stored(self) -> None:
        await self.upload.nothing_stored()


class Retried:
    """``token`` asks for clients who may store and not read; None where this service has no account."""

    def __init__(
        self,
        locating: Locating,
        elements: Callable[[], list[RegisteredElement]],
        token: ServiceToken | None,
    ) -> None:
        self._locating = locating
        self._elements = elements
        self._token = token

    async def identity(self, once: Once, principal: Principal, headers: dict[str, str]) -> Identity:
        """``once``, or the same where its document is now. ``headers`` go along with the client's request.

        Raises Problem ELEMENT_UNAVAILABLE while one that may have it does not answer,
        DEPENDENCY_UNAVAILABLE, and AdminAway.
        """
        if once.file_id is None or once.element_id is None or self._keeps(once.element_id):
            return once
        try:
            copies = await self._locating.found(once.file_id, await self._asking(principal, headers))
        except Problem as problem:
            if problem.kind is ProblemType.NOT_FOUND:
                return once
            raise
        # Of two the first one is about to let it go.
        others = [copy.element.element_id for copy in copies if copy.element.element_id != once.element_id]
        return Moved(once, others[0]) if others else once

    def _keeps(self, element_id: str) -> bool:
        """Whether nothing leaves this element."""
        return any(one.element_id == element_id and one.mode is not Mode.EDIT for one in self._elements())

    async def _asking(self, principal: Principal, headers: dict[str, str]) -> dict[str, str]:
        if principal.has(Scope.FILES_READ):
            return headers
        if self._token is None:
            raise Problem(
                ProblemType.DEPENDENCY_UNAVAILABLE,
                "An earlier try of this upload may have been stored. Your token reads no documents, and this"
                " service has no account with which it could look; send it with the scope 'files:read'.",
            )
        return {**headers, "Authorization": f"Bearer {await self._token.get()}"}
