"""Client secrets: made, hashed and compared, off the event loop.

bcrypt reads 72 bytes at most (and the library refuses more), so what it hashes is the Base64 of the secret's
SHA-256: 44 bytes without NUL, whatever the length of the secret.

The cost is chosen for the latency of the token endpoint, because it is not what protects a secret: generated
ones carry 256 random bits and configured ones have a minimum length, which no cost has to stretch. Cost 8 is
about 18 ms of one core of 2026; with 4 clients on 2 cores, cost 10 takes 150 ms and misses the 100 ms that
are allowed.
"""

import asyncio
import base64
import hashlib
import os
import secrets
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import bcrypt

from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType

_COST = 8
_MAX_WAITING = 200
"""Hashings that may wait. At about 20 ms each on one core the last waits some seconds; more only pile up."""

_T = TypeVar("_T")


def new_secret() -> str:
    """256 random bits, in characters that need no escaping in URLs, forms, shells and Basic credentials."""
    return secrets.token_urlsafe(32)


class SecretHasher:
    """Hashes and compares secrets in as many threads as there are cores. Belongs to one event loop."""

    def __init__(self) -> None:
        threads = len(os.sched_getaffinity(0))
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="bcrypt")
        self._room = threads + _MAX_WAITING
        # What an unknown client's secret is compared with, so that it takes as long as a known one's.
        self._nobodys = _hash(new_secret())

    async def hash(self, secret: str) -> str:
        """The form of the secret that is stored. Raises Problem TOO_MANY_REQUESTS when too many wait."""
        return await self._in_thread(lambda: _hash(secret))

    async def matches(self, secret: str, hashes: Iterable[str]) -> bool:
        """Whether the secret is one of those hashed; takes its time also where there is none to compare with.

        Raises Problem TOO_MANY_REQUESTS when too many wait.
        """
        known = tuple(hashes)
        return await self._in_thread(lambda: _any_matches(secret, known or (self._nobodys,))) and bool(known)

    def close(self) -> None:
        """Drop what waits; what runs is a matter of milliseconds."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        if self._room == 0:
            raise Problem(
                ProblemType.TOO_MANY_REQUESTS,
                "Too many secrets are being checked at the moment; try again in a second.",
                headers={"Retry-After": "1"},
            )
        self._room -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._room += 1


def _hash(secret: str) -> str:
    return bcrypt.hashpw(_digest(secret), bcrypt.gensalt(_COST)).decode("ascii")


def _any_matches(secret: str, hashes: tuple[str, ...]) -> bool:
    digest, matched = _digest(secret), False
    for known in hashes:  # to the end, whichever matches
        matched |= bcrypt.checkpw(digest, known.encode("ascii"))
    return matched


def _digest(secret: str) -> bytes:
    return base64.b64encode(hashlib.sha256(secret.encode("utf-8")).digest())
