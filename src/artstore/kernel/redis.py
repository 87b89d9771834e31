"""Redis as services use it: what it holds may be lost, and it may be away.

No request may hang on it, so every command has a bounded time and a bounded number of tries.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr
from redis.asyncio import Redis
from redis.asyncio.connection import (
    AbstractConnection,
    Connection,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import RedisError

from artstore.kernel.dependencies import DependencyDown

CONNECT_SECONDS = 2
ANSWER_SECONDS = 5
"""A blocking command (``XREAD BLOCK``) must ask for less than this."""


def connect(
    url: str | SecretStr,
    *,
    client_name: str | None = None,
    answer_seconds: float | None = ANSWER_SECONDS,
    retries: int = 2,
) -> Redis:
    """A client with its own pool; it connects when first used, and again after the server was away.

    Answers are bytes. A command raises `redis.exceptions.RedisError` (ConnectionError, TimeoutError when
    the server is away) after ``retries`` further tries. A command may have been carried out more than
    once, so send only what may be repeated. With ``answer_seconds=None`` whoever asks bounds the time.
    Close it with ``aclose()``.
    """
    address = url.get_secret_value() if isinstance(url, SecretStr) else url
    # A connection over a Unix socket does not know the option.
    keepalive = {} if address.startswith("unix:") else {"socket_keepalive": True}
    client = Redis.from_url(
        address,
        client_name=client_name,
        decode_responses=False,
        protocol=2,  # answers of one shape, whatever the version of the server
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=answer_seconds,
        health_check_interval=15,
        retry=Retry(ExponentialWithJitterBackoff(base=0.05, cap=0.5), retries=retries),
        **keepalive,
    )
    pool = client.connection_pool
    pool.connection_class = _PROMPT[pool.connection_class]
    return client


class _Prompt(AbstractConnection):
    """Ends when its task is cancelled.

    redis-py sends with ``asyncio.wait_for``, which before Python 3.12 loses a cancellation that comes when
    the command has just been sent: the task would go on for ever.
    """

    async def send_packed_command(
        self, command: bytes | str | Iterable[bytes], check_health: bool = True
    ) -> None:
        task = asyncio.current_task()
        before = task.cancelling() if task is not None else 0
        await super().send_packed_command(command, check_health)
        if task is not None and task.cancelling() > before:
            raise asyncio.CancelledError


class _PromptTcp(_Prompt, Connection):
    pass


class _PromptTls(_Prompt, SSLConnection):
    pass


class _PromptUnix(_Prompt, UnixDomainSocketConnection):
    pass


_PROMPT: Final[dict[type[AbstractConnection], type[AbstractConnection]]] = {
    Connection: _PromptTcp,
    SSLConnection: _PromptTls,
    UnixDomainSocketConnection: _PromptUnix,
}


@dataclass(frozen=True)
class RedisDependency:
    """Redis in the health of a service; not essential unless said, since decisions never depend on it."""

    redis: Redis
    essential: bool = False
    name: str = "redis"

    async def check(self) -> None:
        try:
            await self.redis.ping()
        except (RedisError, OSError) as error:
            # The text of a RedisError can quote the address with its password.
            raise DependencyDown(f"no answer ({type(error).__name__})") from error
