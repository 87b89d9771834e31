"""Admin's calls to elements for its transactions: bounded in time, and each may be made again."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar
from uuid import UUID

import aiohttp
from pydantic import BaseModel, ValidationError

from artstore.admin.transactions.progress import StepRefused, TryAgain
from artstore.kernel.bodies import BodyTooLong, whole_body
from artstore.wire.elements import RegisteredElement
from artstore.wire.problems import ProblemBody, ProblemType
from artstore.wire.transfers import Copied, Copy, Held, Hold, Withdrawn

TOKEN_SECONDS: Final = 600
"""Good for longer than a call and the download that the target begins with it."""
_CALL_SECONDS: Final = 30.0
_MOST_BYTES: Final = 256 * 1024
_Body = TypeVar("_Body", bound=BaseModel)
_LATER = {
    ProblemType.INSUFFICIENT_STORAGE,
    ProblemType.RATE_LIMITED,
    ProblemType.UNAUTHENTICATED,
    ProblemType.DIGEST_MISMATCH,
}
"""Refusals that another time need not meet, beside those of 500 and above."""


class NotThere(Exception):
    """The element does not have the document."""


class HeldByAnother(Exception):
    """Another transfer holds the document."""

    def __init__(self, transfer_id: UUID) -> None:
        super().__init__(str(transfer_id))
        self.transfer_id = transfer_id


class TransferElements:
    """Every method raises TryAgain where the element is away or cannot now, StepRefused where it never will,
    and NotThere where it has no such document and should.
    """

    def __init__(
        self,
        session: Callable[[], aiohttp.ClientSession],
        find: Callable[[str], Awaitable[RegisteredElement | None]],
        every: Callable[[], Awaitable[list[RegisteredElement]]],
        token: Callable[[], Awaitable[str]],
        *,
        are_all: Callable[[], bool],
    ) -> None:
        """``are_all``: whether there are no others than ``every`` tells of."""
        self._session = session
        self._find = find
        self._every = every
        self._token = token
        self._are_all = are_all

    async def get(self, element_id: str) -> RegisteredElement:
        element = await self._find(element_id)
        if element is None:
            raise TryAgain(f"The element {element_id} is not known.")
        return element

    async def others(self, source: str) -> list[str]:
        """The ids of all elements that may have taken documents over from this one.

        A registry that was restored does not know the newest before they announce themselves.
        """
        if not self._are_all():
            raise TryAgain("It is not known which elements there are, for Redis is away.")
        known = [element for element in await self._every() if element.may_have_documents]
        return [element.element_id for element in known if element.element_id != source]

    async def hold(self, element_id: str, file_id: UUID, wanted: Hold) -> None:
        """Raises HeldByAnother too."""
        await self._ask(element_id, "PUT", file_id, "hold", Held, body=wanted)

    async def release(self, element_id: str, file_id: UUID, transfer_id: UUID) -> None:
        await self._ask(element_id, "DELETE", file_id, f"hold?transfer_id={transfer_id}", None)

    async def let_go(self, element_id: str, file_id: UUID, transfer_id: UUID) -> None:
        await self._ask(element_id, "DELETE", file_id, f"source?transfer_id={transfer_id}", None)

    async def copy(self, element_id: str, file_id: UUID, wanted: Copy) -> Copied:
        answer = await self._ask(element_id, "PUT", file_id, "copy", Copied, body=wanted)
        assert answer is not None
        return answer

    async def withdraw(self, element_id: str, file_id: UUID) -> Withdrawn:
        answer = await self._ask(element_id, "DELETE", file_id, "copy", Withdrawn)
        assert answer is not None
        return answer

    async def _ask(
        self,
        element_id: str,
        method: str,
        file_id: UUID,
        what: str,
        expected: type[_Body] | None,
        *,
        body: BaseModel | None = None,
    ) -> _Body | None:
        url = f"{(await self.get(element_id)).url.rstrip('/')}/api/v1/transfers/{file_id}/{what}"
        headers = {"Authorization": f"Bearer {await self._token()}"}
        data: bytes | None = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            # What is not said an older element need not know.
            data = body.model_dump_json(exclude_unset=True).encode()
        timeout = aiohttp.ClientTimeout(total=_CALL_SECONDS)
        try:
            async with self._session().request(
                method, url, headers=headers, data=data, timeout=timeout, allow_redirects=False
            ) as answer:
                status, content = answer.status, await whole_body(answer, _MOST_BYTES)
        except (aiohttp.ClientError, TimeoutError, OSError, BodyTooLong) as error:
            raise TryAgain(f"The element {element_id} does not answer ({type(error).__name__}).") from error
        if status >= 300:
            raise _refusal(element_id, status, content)
        try:
            return None if expected is None else expected.model_validate_json(content)
        except ValidationError as error:
            raise TryAgain(f"The answer of the element {element_id} cannot be read.") from error


def _refusal(element_id: str, status: int, content: bytes) -> Exception:
    try:
        problem = ProblemBody.model_validate_json(content)
    except ValidationError:
        return TryAgain(f"The element {element_id} answered with status {status}.")
    kind = ProblemType.from_uri(problem.type)
    told = f"The element {element_id} refused: {problem.detail}"
    if kind is ProblemType.NOT_FOUND:
        return NotThere(told)
    if kind is ProblemType.CONFLICT and (holder := _uuid((problem.model_extra or {}).get("transfer_id"))):
        return HeldByAnother(holder)
    if kind is None or status >= 500 or kind in _LATER:
        return TryAgain(told)
    return StepRefused(told)


def _uuid(value: Any) -> UUID | None:
    try:
        return UUID(str(value))
    except ValueError:
        return None
