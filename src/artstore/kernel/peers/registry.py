"""Admin's registry of elements, asked while Redis is away."""

import aiohttp
from pydantic import SecretStr, ValidationError

from artstore.kernel.peers.token import AdminAway, ServiceToken
from artstore.wire.elements import ElementPage, RegisteredElement

__all__ = ["AdminAway", "AdminRegistry"]

ELEMENTS_PATH = "/api/v1/storage-elements"


class AdminRegistry:
    """The elements that Admin knows, with the account of the asking service (scope ``elements:read``)."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        admin_url: str,
        client_id: str,
        client_secret: str | SecretStr,
    ) -> None:
        self._session = session
        self._url = admin_url.rstrip("/") + ELEMENTS_PATH
        self._token = ServiceToken(session, admin_url, client_id, client_secret)

    async def elements(self) -> list[RegisteredElement]:
        """All elements, with the state that Admin last knew. Raises `AdminAway`."""
        found: list[RegisteredElement] = []
        cursor: str | None = None
        while True:
            page = await self._page(cursor)
            found += page.items
            if page.next_cursor is None or page.next_cursor == cursor:
                return found
            cursor = page.next_cursor

    async def _page(self, cursor: str | None) -> ElementPage:
        headers = {"Authorization": f"Bearer {await self._token.get()}"}
        parameters = {"cursor": cursor} if cursor is not None else {}
        try:
            async with self._session.get(self._url, headers=headers, params=parameters) as answer:
                if answer.status == 401:  # the keys were changed, or the account was
                    self._token.forget()
                if answer.status != 200:
                    raise AdminAway(f"its registry answered with status {answer.status}")
                return ElementPage.model_validate_json(await answer.read())
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise AdminAway(f"{type(error).__name__} asking for the elements") from error
        except ValidationError as error:
            raise AdminAway("its list of elements is unreadable") from error
