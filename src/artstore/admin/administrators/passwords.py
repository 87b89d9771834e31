"""Passwords of people: hashed and compared with argon2id, off the event loop, in bounded memory.

19 MiB and two passes, one of the equally strong choices of the OWASP cheat sheet, about 30 ms of a core of
2026 (47 MiB and one pass, another, is 77 ms, for the kernel must find the pages). `THREADS` at once, so at
most 38 MiB.
"""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final, TypeVar

from argon2 import PasswordHasher as Argon2
from argon2.exceptions import InvalidHashError, VerificationError

from artstore.admin.administrators.one_time import new_refresh_token
from artstore.admin.administrators.password_rules import normal_form
from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType

THREADS: Final = 2
_MAX_WAITING: Final = 30
"""Hashings that may wait. The last of them waits about a second; more only pile up."""
_MEMORY_KIB: Final = 19 * 1024
_PASSES: Final = 2

_T = TypeVar("_T")


class PasswordHasher:
    """Belongs to one event loop."""

    def __init__(self) -> None:
        self._argon2 = Argon2(time_cost=_PASSES, memory_cost=_MEMORY_KIB, parallelism=1)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="argon2")
        self._room = THREADS + _MAX_WAITING
        # What the password of nobody is compared with, so that it takes as long as somebody's.
        self._nobodys = self._argon2.hash(new_refresh_token())

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place in the queue, to be taken before anything that a refusal should not have changed.

        Raises Problem TOO_MANY_REQUESTS when too many wait.
        """
        if self._room == 0:
            raise Problem(
                ProblemType.TOO_MANY_REQUESTS,
                "Too many passwords are being checked at the moment; try again in a second.",
                headers={"Retry-After": "1"},
            )
        self._room -= 1
        try:
            yield
        finally:
            self._room += 1

    async def hash(self, password: str) -> str:
        """The form of the password that is stored. Within a ``place``."""
        return await self._in_thread(lambda: self._argon2.hash(normal_form(password)))

    async def matches(self, password: str, known: str | None) -> bool:
        """Whether it is the password with that hash; takes its time also for None. Within a ``place``."""
        text = normal_form(password)
        return await self._in_thread(lambda: self._verify(known or self._nobodys, text)) and known is not None

    def is_outdated(self, known: str) -> bool:
        """Whether the hash was made with other parameters than those of today."""
        return self._argon2.check_needs_rehash(known)

    def close(self) -> None:
        """Drop what waits; what runs is a matter of milliseconds."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def _verify(self, known: str, text: str) -> bool:
        try:
            return self._argon2.verify(known, text)
        except (VerificationError, InvalidHashError):
            return False
