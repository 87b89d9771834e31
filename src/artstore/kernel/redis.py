"""Redis as services use it: what it holds may be lost, and it may be away.

No request may hang on it, so every command has a bounded time and a bounded number of tries.
"""

from dataclasses import dataclass

from pydantic import SecretStr
from redis.asyncio import Redis
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
    return Redis.from_url(
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
