"""Asks an element at a given address what it is.

The address comes from outside, so this is a way to make Admin call anything. Hence: only HTTP, a bounded
time and answer, no redirect, none of the addresses at which clouds keep their secrets, and nothing is told of
an answer that is not an element's. The token that goes along is good for half a minute and for reading
elements.
"""

import ipaddress
import socket
from collections.abc import Awaitable, Callable
from typing import Annotated, Final
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from pydantic import AwareDatetime, Field, ValidationError

from artstore.kernel.bodies import BodyTooLong, whole_body
from artstore.kernel.problems import Problem
from artstore.wire.elements import ElementAnnouncement, ElementId
from artstore.wire.problems import ProblemType

TOKEN_SECONDS: Final = 30
_SECONDS: Final = 5.0
_MAX_BYTES: Final = 64 * 1024
_PATH: Final = "/api/v1/info"
_METADATA_ADDRESSES: Final = frozenset({ipaddress.ip_address("fd00:ec2::254")})
"""Of clouds, beyond the link-local ones."""
_Size = Annotated[int, Field(ge=0, le=2**53 - 1)]


class _Info(ElementAnnouncement):
    """What an element says of itself, within what the registry can keep."""

    element_id: ElementId
    url: Annotated[str, Field(max_length=2000, pattern=r"^https?://[^\x00]+$")]
    capacity_bytes: _Size
    used_bytes: _Size
    free_bytes: _Size
    documents: _Size
    last_lsn: _Size
    max_file_bytes: _Size
    started_at: AwareDatetime
    announced_at: AwareDatetime


class Discovery:
    """``token`` makes one for an element to read; it is asked for each time."""

    def __init__(self, token: Callable[[], Awaitable[str]]) -> None:
        self._token = token

    async def ask(self, url: str) -> ElementAnnouncement:
        """What the element at the address says. Raises Problem INVALID_PARAMETER, ELEMENT_UNAVAILABLE."""
        base = checked_url(url)
        headers = {"Authorization": f"Bearer {await self._token()}", "Accept-Encoding": "identity"}
        connector = aiohttp.TCPConnector(resolver=_GuardedResolver())
        timeout = aiohttp.ClientTimeout(total=_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
                session.get(base + _PATH, headers=headers, allow_redirects=False) as answer,
            ):
                if answer.status != 200:
                    raise _no_element()
                body = await whole_body(answer, _MAX_BYTES)
        except BodyTooLong as error:
            raise _no_element() from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Problem(
                ProblemType.ELEMENT_UNAVAILABLE, "Nobody answers at this address; try again when it is up."
            ) from error
        try:
            told = _Info.model_validate_json(body)
        except ValidationError as error:
            raise _no_element() from error
        return ElementAnnouncement.model_validate(told.model_dump())


def checked_url(url: str) -> str:
    """The address without a slash at its end. Raises Problem INVALID_PARAMETER for what no element has."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise _bad_address("cannot be read") from error
    if parts.scheme not in ("http", "https") or not host:
        raise _bad_address("must begin with http:// or https:// and name a host")
    if not url.isascii() or not url.isprintable() or " " in url:
        raise _bad_address("must consist of printable ASCII characters")
    if "@" in parts.netloc or "?" in url or "#" in url:
        raise _bad_address("must have no user, query or fragment")
    if not _is_allowed(host):
        raise _bad_address("is none at which an element can be")
    return url.rstrip("/")


def _is_allowed(host: str) -> bool:
    """False for addresses of metadata services and of nobody. A name is judged when it is resolved."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return True
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    refused = address.is_link_local or address.is_multicast or address.is_unspecified
    return not refused and address not in _METADATA_ADDRESSES


class _GuardedResolver(AbstractResolver):
    """Gives the allowed addresses of a name, which are those that are then connected to."""

    def __init__(self) -> None:
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        allowed = [result for result in found if _is_allowed(result["host"])]
        if not allowed:
            raise OSError("no address at which an element can be")
        return allowed

    async def close(self) -> None:
        await self._resolver.close()


def _bad_address(why: str) -> Problem:
    return Problem(ProblemType.INVALID_PARAMETER, f"The address of an element {why}.", field="url")


def _no_element() -> Problem:
    return Problem(
        ProblemType.INVALID_PARAMETER,
        "What answers at this address is no storage element of this system; look at the address.",
        field="url",
    )
