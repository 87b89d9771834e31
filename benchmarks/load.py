"""A closed-loop HTTP/1.1 load: each client sends its next request when the answer to the last one is read.

Requests are bytes made beforehand, so that the two cores are left to what is measured.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import uvloop


@dataclass
class Outcome:
    """What a load saw. ``latencies`` are seconds, one for each answered request."""

    seconds: float
    latencies: list[float] = field(repr=False)
    statuses: dict[int, int]

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, percent: float) -> float:
        """Latency in milliseconds below which this share of the answers stayed."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] * 1000

    def line(self) -> str:
        return f"{self.rate:8.0f}/s  p50 {self.percentile(50):7.2f} ms  p95 {self.percentile(95):7.2f} ms  p99 {self.percentile(99):7.2f} ms"


def form_request(url: str, token: str, name: str, content: bytes) -> bytes:
    """A complete upload request with one file."""
    address = urlsplit(url)
    body = (
        (
            f'--bench\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        + content
        + b"\r\n--bench--\r\n"
    )
    head = (
        f"POST {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: multipart/form-data; boundary=bench\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def get_request(url: str, token: str) -> bytes:
    address = urlsplit(url)
    path = address.path + (f"?{address.query}" if address.query else "")
    return f"GET {path} HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()


def run(url: str, request: Callable[[int], bytes], *, clients: int, seconds: float) -> Outcome:
    """Loads ``url``'s host for some seconds; ``request(n)`` gives the bytes of the n-th request."""
    return uvloop.run(_run(url, request, clients, seconds))


async def _run(url: str, request: Callable[[int], bytes], clients: int, seconds: float) -> Outcome:
    address = urlsplit(url)
    latencies: list[float] = []
    statuses: dict[int, int] = {}
    started = time.perf_counter()
    deadline = started + seconds
    sent = 0

    async def client() -> None:
        nonlocal sent
        reader, writer = await asyncio.open_connection(address.hostname, address.port, limit=1 << 20)
        while (before := time.perf_counter()) < deadline:
            writer.write(request(sent))
            sent += 1
            status = await _read_answer(reader)
            latencies.append(time.perf_counter() - before)
            statuses[status] = statuses.get(status, 0) + 1
        writer.close()
        await writer.wait_closed()

    await asyncio.wait_for(asyncio.gather(*(client() for _ in range(clients))), seconds + 60)
    return Outcome(time.perf_counter() - started, latencies, statuses)


async def _read_answer(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    lowered = head.lower()
    at = lowered.index(b"content-length:")
    length = int(lowered[at + 15 : lowered.index(b"\r\n", at)])
    await reader.readexactly(length)
    return status
