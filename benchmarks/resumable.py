"""Resumable uploads: what it costs to send a document in pieces, beside the same document in one request."""

import base64
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from benchmarks.element import MIB
from benchmarks.ingester import MEBIBYTES, Costs, large_file
from benchmarks.running import Measured, measured

PIECE_BYTES = 8 * MIB
_ROUNDS = 3


def measure() -> None:
    """``MEBIBYTES`` in the environment makes it shorter. The best of three of each, in turn."""
    with measured() as system:
        source = large_file(system.folder / "large")
        ways: dict[str, Callable[[Measured, Path], None]] = {"one request": _whole, "8 MiB pieces": _pieces}
        best = dict.fromkeys(ways, float("inf"))
        for _ in range(_ROUNDS):
            for name, send in ways.items():
                costs = Costs(system, ["ingester", "rw-01"])
                started = time.perf_counter()
                send(system, source)
                seconds = time.perf_counter() - started
                best[name] = min(best[name], seconds)
                print(
                    f"{MEBIBYTES} MiB, {name:12} {seconds:6.2f} s  CPU seconds {costs.cpu()};"
                    f" grown by {costs.grown()}"
                )
        print(f"  {best['8 MiB pieces'] / best['one request']:5.2f} times one request")


def _whole(system: Measured, source: Path) -> None:
    with source.open("rb") as file, _client(system) as http:
        answer = http.post(
            f"{system.url('ingester')}/api/v1/files",
            params={"filename": "large.bin"},
            content=iter(lambda: file.read(MIB), b""),
            headers={"Content-Length": str(source.stat().st_size)},
        )
    assert answer.status_code == 201, answer.text


def _pieces(system: Measured, source: Path) -> None:
    """By tus, each piece once the one before was answered, which says that it is on disk."""
    size = source.stat().st_size
    with source.open("rb") as file, _client(system) as http:
        name = base64.b64encode(b"large.bin").decode()
        told = {"Upload-Length": str(size), "Upload-Metadata": f"filename {name}"}
        answer = http.post(f"{system.url('ingester')}/api/v1/uploads", headers=told)
        assert answer.status_code == 201, answer.text
        url = system.url("ingester") + answer.headers["Location"]
        for offset in range(0, size, PIECE_BYTES):
            headers = {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
            answer = http.patch(url, content=file.read(PIECE_BYTES), headers=headers)
            assert answer.status_code == 204, answer.text
    assert "ArtStore-File-Id" in answer.headers


def _client(system: Measured) -> httpx.Client:
    headers = {"Authorization": f"Bearer {system.token}", "Tus-Resumable": "1.0.0"}
    return httpx.Client(headers=headers, timeout=300)
