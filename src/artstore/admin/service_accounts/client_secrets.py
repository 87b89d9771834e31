"""Client secrets: made, hashed and compared, off the event loop.

A secret is ``artstore_<selector>_<43 random characters>``. The selector is no secret: it is stored, so that
of an account's two secrets the one is known that a caller means. Every comparison is therefore one hashing,
whether the client is unknown, or has one secret or two.

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
import re
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import bcrypt
from prometheus_client import Counter

from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType

_COST = 8
_MAX_WAITING = 200
"""Hashings that may wait. At about 20 ms each on one core the last waits some seconds; more only pile up."""

_T = TypeVar("_T")


_PREFIX = "artstore_"
_SELECTOR = re.compile(rf"{_PREFIX}([0-9a-f]{{8}})_[A-Za-z0-9_-]{{43}}")
_CHECKS = Counter(
    "artstore_admin_secret_checks", "Secrets of clients that were hashed and compared, known clients or not"
)


@dataclass(frozen=True)
class NewSecret:
    """A secret that was just made. ``text`` is shown once and kept nowhere."""

    text: str = field(repr=False)
    selector: str


def new_secret() -> NewSecret:
    """256 random bits, in characters that need no escaping in URLs, forms, shells and Basic credentials."""
    selector = secrets.token_hex(4)
    return NewSecret(f"{prefix_of(selector)}{secrets.token_urlsafe(32)}", selector)


def prefix_of(selector: str) -> str:
    """How a secret with this selector begins."""
    return f"{_PREFIX}{selector}_"


def selector_of(secret: str) -> str | None:
    """The selector in a secret, None in one that was not made here."""
    match = _SELECTOR.fullmatch(secret)
    return match[1] if match else None


class SecretHasher:
    """Hashes and compares secrets in as many threads as there are cores. Belongs to one event loop."""

    def __init__(self) -> None:
        threads = len(os.sched_getaffinity(0))
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="bcrypt")
        self._room = threads + _MAX_WAITING
        # What an unknown client's secret is compared with, so that it takes as long as a known one's.
        self._nobodys = _hash(new_secret().text)

    async def hash(self, secret: str) -> str:
        """The form of the secret that is stored. Raises Problem TOO_MANY_REQUESTS when too many wait."""
        return await self._in_thread(lambda: _hash(secret))

    async def matches(self, secret: str, known: str | None) -> bool:
        """Whether ``known`` is the hash of the secret; takes its time also where there is none.

        Raises Problem TOO_MANY_REQUESTS when too many wait.
        """
        return await self._in_thread(lambda: _matches(secret, known or self._nobodys)) and known is not None

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


def _matches(secret: str, known: str) -> bool:
    _CHECKS.inc()
    return bcrypt.checkpw(_digest(secret), known.encode("ascii"))


def _digest(secret: str) -> bytes:
    return base64.b64encode(hashlib.sha256(secret.encode("utf-8")).digest())
