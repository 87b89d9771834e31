"""What a rate limit adds to a request (figure: p99 below 5 ms): of one process, in turn with a token whose account
has a limit and one that has none (that of the services); then with Redis killed. And the bare cost of counting.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

import httpx

from artstore.kernel.limits import Limiter
from artstore.kernel.redis import connect
from artstore.launcher.environment import SERVICE_CLIENT_ID
from artstore.launcher.private import secret
from artstore.launcher.redis import EmbeddedRedis
from benchmarks import load
from benchmarks.running import Measured, cpu_seconds, measured

ROUNDS, SECONDS, COUNTED = 4, 3, 3000
LIMIT = 100_000_000
DOCUMENT = b"x" * 1024
ELEMENT = "rw-01"


def measure() -> None:
    with measured({"ARTSTORE_STORAGE_RATE_LIMIT_FACTOR": "600"}) as system:
        redis = system.system.parts["redis"].part
        assert isinstance(redis, EmbeddedRedis)
        for clients in (1, 16):
            asyncio.run(_counting(redis.url, clients))
        url = f"{system.url(ELEMENT)}/api/v1/files/{_stored(system)}/download"
        tokens = {"without a limit": _token_of_services(system), "with a limit": system.token}
        for clients in (1, 16):
            _compare(system, url, tokens, clients)
        system.system.parts["redis"].kill()
        _compare(system, url, {"without Redis": system.token}, 16)
        assert system.metric("artstore_rate_limit_local", ELEMENT) == 1


async def _counting(url: str, clients: int) -> None:
    """In this process, beside a bare PING of the same Redis."""
    redis = connect(url)
    limiter = Limiter("benchmark", url, seconds=5)

    async def count() -> None:
        assert (await limiter.take(f"account-{clients}", LIMIT)).allowed

    for what, once in (("PING (reference)", redis.ping), ("counted", count)):
        seconds: list[float] = []
        await asyncio.gather(*(_repeat(once, COUNTED // clients, seconds) for _ in range(clients)))
        ordered = sorted(seconds)
        p50, p99 = (ordered[int(len(ordered) * share)] * 1e6 for share in (0.5, 0.99))
        print(f"{what:18} {clients:2} at once   p50 {p50:7.0f} µs  p99 {p99:7.0f} µs")
    await limiter.close()
    await redis.aclose()


async def _repeat(once: Callable[[], Awaitable[object]], times: int, seconds: list[float]) -> None:
    for _ in range(times):
        started = time.perf_counter()
        await once()
        seconds.append(time.perf_counter() - started)


def _compare(system: Measured, url: str, tokens: dict[str, str], clients: int) -> None:
    """In turn, so that what else the machine does falls on all of them."""
    latencies: dict[str, list[float]] = {what: [] for what in tokens}
    spent = dict.fromkeys(tokens, 0.0)
    for _ in range(ROUNDS):
        for what, token in tokens.items():
            before = cpu_seconds(system.pid(ELEMENT))
            outcome = _downloads(url, token, clients)
            spent[what] += cpu_seconds(system.pid(ELEMENT)) - before
            assert set(outcome.statuses) == {200}, outcome.statuses
            latencies[what] += outcome.latencies
    for what, seconds in latencies.items():
        outcome = load.Outcome(ROUNDS * SECONDS, seconds, {})
        cpu = spent[what] / len(seconds) * 1e6
        print(f"downloads, {clients:2} clients, {what:16} {outcome.line()}  CPU {cpu:5.0f} µs each")


def _downloads(url: str, token: str, clients: int) -> load.Outcome:
    request = load.get_request(url, token)
    return load.run(url, lambda _: request, clients=clients, seconds=SECONDS)


def _stored(system: Measured) -> str:
    answer = httpx.post(
        f"{system.url(ELEMENT)}/api/v1/files/upload",
        files={"file": ("small.bin", DOCUMENT)},
        headers={"Authorization": f"Bearer {system.token}"},
        timeout=30,
    )
    return str(answer.raise_for_status().json()["file_id"])


def _token_of_services(system: Measured) -> str:
    answer = httpx.post(
        f"{system.profile.admin_url}/api/v1/auth/token",
        data={"grant_type": "client_credentials"},
        auth=(SERVICE_CLIENT_ID, secret(system.system.folder.secret_file("service-client-secret"))),
        timeout=30,
    )
    return str(answer.raise_for_status().json()["access_token"])
