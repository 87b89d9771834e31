"""The registry of elements, for accounts with ``elements:read`` or ``elements:write``."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, ValidationError

from artstore.sdk.errors import Rejected
from artstore.sdk.transport import Transport
from artstore.wire.elements import (
    Draining,
    ElementStatistics,
    ListedElement,
    NewElement,
    RegistrationChange,
    Retirement,
)


class AsyncRegistry:
    """``client.registry`` of an AsyncClient. ``decided`` are members of a RegistrationChange: ``priority``,
    ``limit_bytes``, ``limit_file_bytes``, ``retention_until``, ``labels``; None takes one away.
    """

    def __init__(self, transport: Transport, admin_url: str) -> None:
        self._transport = transport
        self._admin_url = admin_url

    async def read(self, element_id: str) -> ListedElement:
        """One element. Raises NotFound."""
        return await self._transport.get(self._url(element_id), ListedElement)

    async def register(self, url: str, **decided: Any) -> ListedElement:
        """Has Admin ask the element at an address what it is; with ``element_id`` and ``mode`` it does not.

        Raises Rejected for an address at which no element of this system is, Conflict, Unavailable.
        """
        body = _checked(NewElement, {"url": url, **decided})
        return await self._transport.post(f"{self._admin_url}/api/v1/storage-elements", body, ListedElement)

    async def change(self, element_id: str, **decided: Any) -> ListedElement:
        """Changes what is named and leaves the rest. Raises NotFound, Rejected."""
        body = _checked(RegistrationChange, decided)
        return await self._transport.patch(self._url(element_id), body, ListedElement)

    async def drain(self, element_id: str, *, moves_to: str | None = None) -> ListedElement:
        """Lets the element take no new documents; those that it has are moved to ``moves_to``. Raises
        NotFound, Conflict for one that is retired, or whose documents cannot be moved there, and Rejected.
        """
        url = f"{self._url(element_id)}/drain"
        wanted = None if moves_to is None else _checked(Draining, {"moves_to": moves_to})
        return await self._transport.post(url, wanted, ListedElement)

    async def activate(self, element_id: str) -> ListedElement:
        """Lets the element take documents again. Raises NotFound."""
        return await self._transport.post(f"{self._url(element_id)}/activate", None, ListedElement)

    async def retire(self, element_id: str, *, confirm: bool = False) -> ListedElement:
        """Says that the element is to be switched off. Raises NotFound, Conflict unless it is drained and
        empty, or that is confirmed.
        """
        body = Retirement(confirm=confirm)
        return await self._transport.post(f"{self._url(element_id)}/retire", body, ListedElement)

    async def statistics(self) -> ElementStatistics:
        """Documents, bytes and room of all elements, and how many are in which state."""
        return await self._transport.get(f"{self._admin_url}/api/v1/storage-statistics", ElementStatistics)

    def _url(self, element_id: str) -> str:
        return f"{self._admin_url}/api/v1/storage-elements/{quote(element_id, safe='')}"


class Registry:
    """``client.registry`` of a Client: the same methods, which AsyncRegistry tells about."""

    def __init__(self, registry: AsyncRegistry, run: Callable[[Callable[[], Awaitable[Any]]], Any]) -> None:
        self._registry = registry
        self._run = run

    def read(self, element_id: str) -> ListedElement:
        """One element."""
        return self._element(partial(self._registry.read, element_id))

    def register(self, url: str, **decided: Any) -> ListedElement:
        """Registers the element at an address."""
        return self._element(partial(self._registry.register, url, **decided))

    def change(self, element_id: str, **decided: Any) -> ListedElement:
        """Changes what is named and leaves the rest."""
        return self._element(partial(self._registry.change, element_id, **decided))

    def drain(self, element_id: str, *, moves_to: str | None = None) -> ListedElement:
        """Lets the element take no new documents; those that it has are moved to ``moves_to``."""
        return self._element(partial(self._registry.drain, element_id, moves_to=moves_to))

    def activate(self, element_id: str) -> ListedElement:
        """Lets the element take documents again."""
        return self._element(partial(self._registry.activate, element_id))

    def retire(self, element_id: str, *, confirm: bool = False) -> ListedElement:
        """Says that the element is to be switched off."""
        return self._element(partial(self._registry.retire, element_id, confirm=confirm))

    def statistics(self) -> ElementStatistics:
        """Documents, bytes and room of all elements."""
        told: ElementStatistics = self._run(self._registry.statistics)
        return told

    def _element(self, call: Callable[[], Awaitable[ListedElement]]) -> ListedElement:
        element: ListedElement = self._run(call)
        return element


def _checked(body: type[BaseModel], members: dict[str, Any]) -> Any:
    try:
        return body.model_validate(members)
    except ValidationError as error:
        wrong = error.errors()[0]
        name = ".".join(str(part) for part in wrong["loc"])
        raise Rejected(f"no element can have this {name}: {wrong['msg']}") from error
