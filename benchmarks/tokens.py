"""Tokens: issued over HTTP with the hashing of secrets (figure: p99 below 100 ms at 4 clients), and verified."""

import asyncio
import base64
import time
from urllib.parse import urlsplit

import bcrypt

from artstore.kernel.access import JwksClient, TokenVerifier
from benchmarks import load
from benchmarks.running import Measured, measured


def measure() -> None:
    with measured() as system:
        hashed = bcrypt.hashpw(b"secret", bcrypt.gensalt(10))
        started = time.perf_counter()
        for _ in range(10):
            bcrypt.checkpw(b"secret", hashed)
        print(f"bcrypt alone, cost 10 (reference) {(time.perf_counter() - started) * 100:8.1f} ms")
        for clients in (1, 4, 16):
            outcome = load.run(
                system.profile.admin_url, lambda _: _token_request(system), clients=clients, seconds=5
            )
            assert set(outcome.statuses) == {200}, outcome.statuses
            print(f"issued, {clients:2} clients            {outcome.line()}")
        asyncio.run(_verify(system))


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
    for _ in range(200):
        verifier = TokenVerifier(keys, system.profile.admin_url)
        started = time.perf_counter()
        await verifier.verify(system.token)
        cold.append(time.perf_counter() - started)
    started = time.perf_counter()
    for _ in range(20_000):
        await verifier.verify(system.token)
    warm = (time.perf_counter() - started) / 20_000
    await verifier.close()
    cold.sort()
    print(f"verified for the first time       p50 {cold[100] * 1e6:7.0f} µs  p99 {cold[198] * 1e6:7.0f} µs")
    print(f"verified again                    {warm * 1e6:11.1f} µs")
