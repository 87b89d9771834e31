"""The public keys that tokens are verified with, and how they get here from Admin."""

import asyncio
import base64
import json
import time
from typing import Any, Protocol

from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from artstore.kernel.bodies import whole_body
from artstore.kernel.logging import get_logger

_log = get_logger(__name__)

REFRESH_SECONDS = 60.0
"""After this long the set is read again, also where nobody tells of changes."""
_MIN_SECONDS_BETWEEN_FETCHES = 0.25
_FETCH_TIMEOUT_SECONDS = 3.0
_MAX_BYTES = 256 * 1024
_LEAST_KEY_BITS = 2048


class KeysUnavailable(Exception):
    """The key set cannot be read now, so that nothing can be said about a token."""


class KeySource(Protocol):
    async def key(self, kid: str) -> RSAKey | None:
        """The public key named ``kid``, or None if there is none.

        Raises KeysUnavailable where that cannot be known now.
        """
        ...

    def knows(self, kid: str) -> bool:
        """Whether the key is good as far as is known; what was verified with another is worthless now."""
        ...


class JwksClient:
    """The key set of Admin, kept here.

    A key that is known is answered from memory; once the set is older than ``REFRESH_SECONDS`` it is read
    again beside the request. An unknown one makes the caller wait for a set that was read after it asked: one
    fetch at a time and four a second, whoever asks. While Admin is away the last known set goes on being
    used. ``peers.KeyFollower`` has it read as soon as Admin tells of a change.
    """

    def __init__(self, admin_url: str) -> None:
        self._url = admin_url.rstrip("/") + "/.well-known/jwks.json"
        self._keys: dict[str, RSAKey] = {}
        self._fetched_at = float("-inf")
        """When the set that is held was asked for."""
        self._tried_at = float("-inf")
        """When the last fetch that has ended began."""
        self._failed = True
        self._fetching: asyncio.Task[None] | None = None

    @property
    def kids(self) -> frozenset[str]:
        """The ids of the keys that are held."""
        return frozenset(self._keys)

    def knows(self, kid: str) -> bool:
        return kid in self._keys

    async def key(self, kid: str) -> RSAKey | None:
        key = self._keys.get(kid)
        if key is None:
            await self.refresh()
            key = self._keys.get(kid)
            if key is None and self._failed:
                raise KeysUnavailable(self._url)
        elif time.monotonic() - self._fetched_at > REFRESH_SECONDS:
            self._fetch_beside()
        return key

    async def refresh(self, *, within: float = 0.0) -> bool:
        """Reads the set, together with all who ask meanwhile; whether that succeeded.

        A set that was read during the last ``within`` seconds is fresh enough.
        """
        wanted_since = time.monotonic() - within
        while self._tried_at < wanted_since:
            # A fetch under way may have been answered before the key was made: then another one follows.
            # Shielded, for the fetch is everybody's, and one caller who goes away must not end it.
            await asyncio.shield(self._fetch_beside())
        return not self._failed

    async def close(self) -> None:
        """Ends a fetch that is under way. The client can still be used afterwards."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)

    def _fetch_beside(self) -> asyncio.Task[None]:
        if self._fetching is None or self._fetching.done():
            self._fetching = asyncio.create_task(self._fetch_in_turn(), name="jwks")
        return self._fetching

    async def _fetch_in_turn(self) -> None:
        await asyncio.sleep(self._tried_at + _MIN_SECONDS_BETWEEN_FETCHES - time.monotonic())
        began_at = time.monotonic()
        try:
            keys = await self._fetch()
        except (OSError, TimeoutError, ValueError, RecursionError) as error:
            if not self._failed or self._tried_at == float("-inf"):
                reason = str(error) or type(error).__name__
                _log.warning("the key set cannot be read", url=self._url, reason=reason)
            self._failed = True
        else:
            if keys.keys() != self._keys.keys():
                _log.info("the key set is another one", kids=sorted(keys))
            self._keys, self._fetched_at, self._failed = keys, began_at, False
        self._tried_at = began_at

    async def _fetch(self) -> dict[str, RSAKey]:
        """The keys as Admin gives them now. Raises OSError, TimeoutError, ValueError."""
        import aiohttp  # a service that never verifies a token does not pay for loading it

        timeout = aiohttp.ClientTimeout(total=_FETCH_TIMEOUT_SECONDS)
        try:
            async with aiohttp.ClientSession(timeout=timeout) as session, session.get(self._url) as answer:
                answer.raise_for_status()
                body = await whole_body(answer, _MAX_BYTES)
        except aiohttp.ClientError as error:
            raise OSError(str(error) or type(error).__name__) from error
        return read_key_set(body)


def read_key_set(body: bytes) -> dict[str, RSAKey]:
    """The RSA signature keys of a JWK set (RFC 7517 §5) by key id; others are none of ours and are left out.

    Raises ValueError for what is no key set.
    """
    document: Any = json.loads(body)
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise ValueError("the answer is not a JWK set")
    keys: dict[str, RSAKey] = {}
    for entry in entries:
        if not isinstance(entry, dict) or entry.get("kty") != "RSA" or entry.get("use", "sig") != "sig":
            continue
        kid = entry.get("kid")
        if isinstance(kid, str) and (key := _public_key(entry)) is not None:
            keys[kid] = key
    return keys


def _public_key(entry: dict[str, Any]) -> RSAKey | None:
    """The public half, whatever else the entry holds; None where it is damaged or too short to be trusted."""
    modulus, exponent = entry.get("n"), entry.get("e")
    try:
        if (
            not isinstance(modulus, str)
            or not isinstance(exponent, str)
            or key_bits(modulus) < _LEAST_KEY_BITS
        ):
            raise ValueError(f"an RSA key has n and e, and here {_LEAST_KEY_BITS} bits or more")
        return RSAKey.import_key({"kty": "RSA", "n": modulus, "e": exponent})
    except (JoseError, ValueError, TypeError) as error:
        _log.warning("a key of the key set cannot be used", kid=entry.get("kid"), reason=str(error))
        return None


def key_bits(modulus: str) -> int:
    """Of an RSA key with this ``n``. Raises ValueError, TypeError for what is no Base64url."""
    padded = modulus + "=" * (-len(modulus) % 4)
    return int.from_bytes(base64.urlsafe_b64decode(padded), "big").bit_length()
