"""What became of a document whose element broke off after it may have got the whole.

Sent to another element it might be stored twice. So only the same element is asked: where the body is held,
by the same upload again, which has the same id and is therefore stored once; otherwise whether it has a
document of that id. That is repeated for a few seconds, in which an element starts again. Where nobody can
tell, nobody is told that the document is stored.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import aiohttp

from artstore.ingester.uploads.relay import (
    ElementAnswer,
    ElementLost,
    NothingSent,
    Patience,
    Relay,
    content_of,
)
from artstore.kernel.peers import Breakers
from artstore.wire.elements import ElementAnnouncement
from artstore.wire.headers import REQUEST_ID, TRACEPARENT

PAUSES = (0.2, 0.4, 0.8, 1.6, 1.6)
"""Seconds before each try, give or take half of them."""
_PATIENCE = Patience(silence=5, answer=10)
_CERTAIN = (201, 400, 409, 413, 415, 422)
"""What an element says of the document itself: of the first try it would have said the same."""


@dataclass(frozen=True, slots=True)
class Settling:
    """``element`` gives the element as it announced itself last: it may have started anew, elsewhere."""

    session: aiohttp.ClientSession
    breakers: Breakers
    element: Callable[[], ElementAnnouncement | None]
    pauses: Sequence[float]

    async def outcome(self, relay: Relay, file_id: str, headers: dict[str, str]) -> ElementAnswer | None:
        """What the element says of the document; None where that stays unknown."""
        for pause in self.pauses:
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))
            element = self.element()
            attempt = None if element is None else self.breakers.attempt(element)
            if element is None or attempt is None:
                continue
            with attempt:
                try:
                    if relay.whole:
                        answer = await relay.send(element, headers, _PATIENCE)
                    else:
                        answer = await self._ask(element, file_id, headers)
                except (NothingSent, ElementLost, aiohttp.ClientError, TimeoutError, OSError) as error:
                    attempt.failed(str(error) or type(error).__name__)
                    continue
                attempt.succeeded()
            if answer.status in _CERTAIN and _is_of_the_document(answer):
                return answer
        return None

    async def _ask(
        self, element: ElementAnnouncement, file_id: str, headers: dict[str, str]
    ) -> ElementAnswer:
        path = f"/api/v1/files/{file_id}"
        asking = {name: headers[name] for name in ("Authorization", REQUEST_ID, TRACEPARENT)}
        timeout = aiohttp.ClientTimeout(total=_PATIENCE.answer)
        url = element.url.rstrip("/") + path
        async with self.session.get(url, headers=asking, timeout=timeout) as answer:
            content = await content_of(answer)
            told = answer.headers
            found = {name: told[name] for name in ("Content-Type", "ETag") if name in told}
            # As the upload would have answered.
            status = 201 if answer.status == 200 else 404
            return ElementAnswer(status, {**found, "Location": path}, content, repeatable=False)


def _is_of_the_document(answer: ElementAnswer) -> bool:
    """Not from something before the element; and not because the element takes nothing now, or no longer
    takes the id: the first try may have been stored.
    """
    if answer.status == 201:
        return True
    return answer.kind is not None and not (answer.is_for_its_own_state or answer.refuses_the_id)
