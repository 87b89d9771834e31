"""What all processes of a service have counted together: asked of Redis, for a moment and no longer."""

import asyncio
import random
from collections import deque
from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from artstore.kernel.background import Background
from artstore.kernel.dependencies import DependencyDown
from artstore.kernel.limits import metrics
from artstore.kernel.limits.script import SCRIPT
from artstore.kernel.limits.windows import Standing
from artstore.kernel.logging import get_logger
from artstore.kernel.redis import connect

_log = get_logger(__name__)
_MOST_AT_ONCE: Final = 200
"""Keys in one call; Redis answers nobody else meanwhile, which is a few milliseconds."""
_LATE_IN_A_ROW: Final = 3
"""Answers that may be late before Redis counts as away: one late answer may be this process's own doing."""
_LOOK_EVERY_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class _Question:
    key: str
    limit: int
    count: bool
    answer: "asyncio.Future[Standing | None]"


class SharedWindows:
    """Asks Redis, with all questions of one moment in one call. Belongs to one event loop.

    Once Redis is away nobody asks: a task looks every second whether it is back. ``seconds`` is how long an
    answer may take; a question that comes while others are under way waits for at most three late ones.
    """

    essential = False
    name = "rate_limits"

    def __init__(self, service: str, redis_url: str | SecretStr, *, seconds: float) -> None:
        self._prefix = f"artstore:limits:{service}:"
        self._seconds = seconds
        # The time is bounded here, around each call: once more inside would cost a third of it.
        self._redis = connect(
            redis_url, client_name=f"artstore-{service}-limits", answer_seconds=None, retries=0
        )
        self._script = self._redis.register_script(SCRIPT)
        self._questions: deque[_Question] = deque()
        self._asking: asyncio.Task[None] | None = None
        self._background = Background()
        self._away = False
        self._closed = False
        self._late = 0
        self._state = metrics.LOCAL.labels(service)
        self._state.set(0)

    async def ask(self, key: str, limit: int, *, count: bool) -> Standing | None:
        """How the key stands, counted if it is allowed and ``count``. None where Redis does not say."""
        if self._away or self._closed:
            return None
        question = _Question(key, limit, count, asyncio.get_running_loop().create_future())
        self._questions.append(question)
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask_all(), name="rate limits")
        return await question.answer

    async def check(self) -> str | None:
        """For the health of the service."""
        if self._away:
            raise DependencyDown("no answer in time: this process limits by what it counts alone")
        return None

    async def close(self) -> None:
        """May be called again."""
        self._closed = True
        if self._asking is not None:
            await asyncio.gather(self._asking, return_exceptions=True)
        await self._background.stop()
        await self._redis.aclose()

    async def _ask_all(self) -> None:
        while self._questions:
            batch = [self._questions.popleft() for _ in range(min(len(self._questions), _MOST_AT_ONCE))]
            try:
                answers = await self._answers(batch)
            except Exception:  # noqa: BLE001 - whatever it is, each of them must hear that there is no answer
                _log.exception("Redis gave an answer on rate limits that is none")
                answers = [None] * len(batch)
            for question, answer in zip(batch, answers, strict=True):
                if not question.answer.done():
                    question.answer.set_result(answer)

    async def _answers(self, batch: list[_Question]) -> list[Standing | None]:
        if self._away:
            return [None] * len(batch)
        told: list[str | int] = [part for one in batch for part in (one.limit, int(one.count))]
        try:
            async with asyncio.timeout(self._seconds):
                found = await self._script(keys=[self._prefix + one.key for one in batch], args=told)
        except (RedisError, OSError) as error:
            self._missed(error)
            return [None] * len(batch)
        self._late = 0
        return [
            Standing(bool(allowed), one.limit, remaining, reset)
            for one, (allowed, remaining, reset) in zip(batch, found, strict=True)
        ]

    def _missed(self, error: Exception) -> None:
        """``error`` is a TimeoutError, which is an OSError, or something of Redis."""
        self._late += 1
        gone = isinstance(error, RedisConnectionError | ConnectionError | FileNotFoundError)
        if self._closed or not (gone or self._late >= _LATE_IN_A_ROW):
            return
        self._away = True
        self._state.set(1)
        _log.warning(
            "Redis does not answer; rates are limited by this process alone", reason=type(error).__name__
        )
        self._background.start("rate limits", self._until_back)

    async def _until_back(self) -> None:
        while self._away:
            await asyncio.sleep(_LOOK_EVERY_SECONDS * random.uniform(0.5, 1.0))
            try:
                # What is needed of it: one that answers a ping may still be too full to count.
                async with asyncio.timeout(self._seconds):
                    await self._script(keys=[self._prefix + "probe"], args=[_MOST_AT_ONCE, 1])
            except (RedisError, OSError):
                continue
            self._late = 0
            self._state.set(0)
            self._away = False
        _log.info("Redis answers; rates are limited by what all processes count")
