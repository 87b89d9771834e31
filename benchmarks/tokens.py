"""Tokens: issued over HTTP with the hashing of secrets (figure: p99 below 100 ms at 4 clients), verified (p99
below 1 ms the first time, below 20 µs again), and how soon a revoked key is worthless (2 s).
"""

import asyncio
import base64
import statistics
import time
from urllib.parse import urlsplit

import bcrypt
import httpx

from artstore.admin.service_accounts import client_secrets
from artstore.kernel.access import JwksClient, TokenVerifier
from benchmarks import load
from benchmarks.running import Measured, measured

COLD, WARM, WARM_AT_ONCE = 2000, 2000, 20
REVOCATIONS = 5


def measure() -> None:
    with measured() as system:
        cost = client_secrets._COST
        hashed = bcrypt.hashpw(b"secret", bcrypt.gensalt(cost))
        started = time.perf_counter()
        for _ in range(20):
            bcrypt.checkpw(b"secret", hashed)
        print(f"bcrypt alone, cost {cost} (reference) {(time.perf_counter() - started) * 50:9.1f} ms")
        for clients in (1, 4, 16):
            outcome = load.run(
                system.profile.admin_url, lambda _: _token_request(system), clients=clients, seconds=5
            )
            assert set(outcome.statuses) == {200}, outcome.statuses
            print(f"issued, {clients:2} clients            {outcome.line()}")
        asyncio.run(_verify(system))
        _revoke(system)


def _token_request(system: Measured) -> bytes:
    address = urlsplit(system.profile.admin_url)
    credentials = base64.b64encode(f"{system.client_id}:{system.client_secret}".encode()).decode()
    body = b"grant_type=client_credentials"
    return (
        f"POST /api/v1/auth/token HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Basic {credentials}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


async def _verify(system: Measured) -> None:
    keys = JwksClient(system.profile.admin_url)
    await TokenVerifier(keys, system.profile.admin_url).verify(system.token)  # fetches the keys
    cold = []
    for _ in range(COLD):
        verifier = TokenVerifier(keys, system.profile.admin_url)
        started = time.perf_counter()
        await verifier.verify(system.token)
        cold.append(time.perf_counter() - started)
    warm = []
    for _ in range(WARM):
        started = time.perf_counter()
        for _ in range(WARM_AT_ONCE):  # one alone is not much longer than it takes to look at the clock
            await verifier.verify(system.token)
        warm.append((time.perf_counter() - started) / WARM_AT_ONCE)
    await verifier.close()
    print(f"verified for the first time       {_line(cold)}")
    print(f"verified again                    {_line(warm)}")


def _line(seconds: list[float]) -> str:
    ordered = sorted(seconds)
    p50, p99 = (ordered[int(len(ordered) * share)] * 1e6 for share in (0.5, 0.99))
    return f"p50 {p50:7.1f} µs  p99 {p99:7.1f} µs"


def _revoke(system: Measured) -> None:
    """From the answer to a revocation until the last of the services refuses a token that it had verified."""
    admin = system.profile.admin_url
    readers = {
        "ingester": f"{system.url('ingester')}/api/v1/files/upload",
        "rw-01": f"{system.url('rw-01')}/api/v1/info",
        "query": f"{system.url('query')}/api/v1/search",
    }
    seen: dict[str, list[float]] = {name: [] for name in readers}
    with httpx.Client(timeout=30) as http:
        for _ in range(REVOCATIONS):
            token = _administrator(system, http)
            headers = {"Authorization": f"Bearer {token}"}
            for name, url in readers.items():
                assert _status(http, name, url, headers) != 401
            kid = _signing(http, admin, headers)
            http.post(f"{admin}/api/v1/jwt-keys/{kid}/revoke", headers=headers).raise_for_status()
            answered, waiting = time.perf_counter(), set(readers)
            while waiting:
                for name in sorted(waiting):
                    if _status(http, name, readers[name], headers) == 401:
                        seen[name].append(time.perf_counter() - answered)
                        waiting.remove(name)
    for name, seconds in seen.items():
        middle, most = statistics.median(seconds) * 1000, max(seconds) * 1000
        print(f"revoked key refused, {name:12} p50 {middle:7.0f} ms  max {most:7.0f} ms")


def _administrator(system: Measured, http: httpx.Client) -> str:
    answer = http.post(
        f"{system.profile.admin_url}/api/v1/auth/token",
        data={"grant_type": "client_credentials"},
        auth=(system.profile.client_id, system.profile.client_secret),
    )
    return str(answer.raise_for_status().json()["access_token"])


def _signing(http: httpx.Client, admin: str, headers: dict[str, str]) -> str:
    keys = http.get(f"{admin}/api/v1/jwt-keys", headers=headers).raise_for_status().json()["items"]
    return next(str(key["kid"]) for key in keys if key["state"] == "signing")


def _status(http: httpx.Client, name: str, url: str, headers: dict[str, str]) -> int:
    # An upload without a form is refused after the token has been looked at.
    return http.request("POST" if name == "ingester" else "GET", url, headers=headers).status_code
