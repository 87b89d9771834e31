"""The keys that sign access tokens, for accounts with ``keys:read`` or ``keys:write``."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from urllib.parse import quote

from artstore.sdk.transport import Transport
from artstore.wire.keys import SigningKey, SigningKeyPage


class AsyncKeys:
    """``client.keys`` of an AsyncClient."""

    def __init__(self, transport: Transport, admin_url: str) -> None:
        self._transport = transport
        self._url = f"{admin_url}/api/v1/jwt-keys"

    async def list(self) -> list[SigningKey]:
        """Every key that ever signed or will, the newest first."""
        found: list[SigningKey] = []
        params: dict[str, str | int] = {}
        while True:
            page = await self._transport.get(self._url, SigningKeyPage, params)
            found += page.items
            if page.next_cursor is None:
                return found
            params = {"cursor": page.next_cursor}

    async def rotate(self) -> SigningKey:
        """Publishes a new key, which signs some seconds later, or returns the one that is pending already."""
        return await self._transport.post(f"{self._url}/rotate", None, SigningKey)

    async def revoke(self, kid: str) -> SigningKey:
        """Makes all tokens of a key worthless, also this client's, which gets another. Raises NotFound."""
        return await self._transport.post(f"{self._url}/{quote(kid, safe='')}/revoke", None, SigningKey)


class Keys:
    """``client.keys`` of a Client: the same methods."""

    def __init__(self, keys: AsyncKeys, run: Callable[[Callable[[], Awaitable[Any]]], Any]) -> None:
        self._keys = keys
        self._run = run

    def list(self) -> list[SigningKey]:
        """Every key that ever signed or will, the newest first."""
        found: list[SigningKey] = self._run(self._keys.list)
        return found

    def rotate(self) -> SigningKey:
        """Publishes a new key, which signs some seconds later, or returns the one that is pending already."""
        key: SigningKey = self._run(self._keys.rotate)
        return key

    def revoke(self, kid: str) -> SigningKey:
        """Makes all tokens of a key worthless, also this client's, which gets another. Raises NotFound."""
        key: SigningKey = self._run(partial(self._keys.revoke, kid))
        return key
