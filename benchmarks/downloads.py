"""Downloads through Query, beside straight from the element, beside nginx with the same bytes, in the same run."""

import os
import shutil
import time
from functools import partial
from pathlib import Path

import httpx

from benchmarks import load
from benchmarks.element import MIB, curl_seconds, upload_file
from benchmarks.nginx import nginx
from benchmarks.running import Measured, cpu_seconds, measured

SECONDS = float(os.environ.get("SECONDS", "10"))
DOCUMENTS = 500
SIZE = 16 * 1024


def measure() -> None:
    with measured() as system, nginx(system.folder / "nginx") as reference:
        if reference is None:
            print("nginx is not installed: no comparison with it")
        documents = [_stored(system, number, os.urandom(SIZE)) for number in range(DOCUMENTS)]
        _until_in_catalog(system, documents[-1][0])
        for clients in (1, 32):
            _small(system, reference, documents, clients)
        _large(system, reference)


def _stored(system: Measured, number: int, content: bytes) -> tuple[str, str]:
    """A document in the element and in nginx: its id and its name."""
    name = f"{number:04}.bin"
    answer = httpx.post(
        f"{system.url('rw-01')}/api/v1/files/upload",
        files={"file": (name, content)},
        headers={"Authorization": f"Bearer {system.token}"},
        timeout=30,
    )
    answer.raise_for_status()
    _beside(system, name).write_bytes(content)
    return str(answer.json()["file_id"]), name


def _beside(system: Measured, name: str) -> Path:
    files = system.folder / "nginx" / "files"
    files.mkdir(parents=True, exist_ok=True)
    return files / name


def _until_in_catalog(system: Measured, file_id: str) -> None:
    url = f"{system.profile.query_url}/api/v1/search"
    headers = {"Authorization": f"Bearer {system.token}"}
    deadline = time.monotonic() + 60
    while file_id not in httpx.get(url, headers=headers, timeout=10).text:
        assert time.monotonic() < deadline, "the catalog does not follow"
        time.sleep(0.1)


def _small(system: Measured, reference: str | None, documents: list[tuple[str, str]], clients: int) -> None:
    ways = {
        "straight": (system.url("rw-01"), [f"/api/v1/files/{each}/download" for each, _ in documents]),
        "Query": (system.profile.query_url, [f"/api/v1/files/{each}/download" for each, _ in documents]),
    }
    if reference is not None:
        ways = {"nginx": (reference, [f"/{name}" for _, name in documents]), **ways}
    rates: dict[str, float] = {}
    for what, (base, paths) in ways.items():
        requests = [load.get_request(base + path, system.token) for path in paths]
        before = _cpu(system)
        outcome = load.run(base, partial(_in_turn, requests), clients=clients, seconds=SECONDS)
        assert set(outcome.statuses) == {200}, outcome.statuses
        rates[what] = outcome.rate
        spent = ", ".join(
            f"{name} {(after - before[name]) * 1000 / len(outcome.latencies):.2f} ms"
            for name, after in _cpu(system).items()
        )
        print(f"16 KiB, {clients:2} clients, {what:8} {outcome.line()}  CPU for each: {spent}", flush=True)
    print(
        "  of straight: "
        + ", ".join(f"{what} {rate / rates['straight']:.2f}" for what, rate in rates.items())
    )


def _large(system: Measured, reference: str | None) -> None:
    source = system.folder / "gigabyte"
    block = os.urandom(MIB)
    with source.open("wb") as file:
        for _ in range(1024):
            file.write(block)
    headers = {"Authorization": f"Bearer {system.token}"}
    _, file_id = upload_file(f"{system.url('rw-01')}/api/v1/files/upload", source, headers)
    _until_in_catalog(system, file_id)
    straight = curl_seconds(f"{system.url('rw-01')}/api/v1/files/{file_id}/download", headers)
    through = curl_seconds(f"{system.profile.query_url}/api/v1/files/{file_id}/download", headers)
    print(f"1 GiB, straight {straight:.2f} s, Query {through:.2f} s, {through / straight:.2f} times straight")
    if reference is not None:
        shutil.move(source, _beside(system, "gigabyte"))
        beside = curl_seconds(f"{reference}/gigabyte", {})
        print(
            f"1 GiB, nginx {beside:.2f} s: straight {straight / beside:.2f}, Query {through / beside:.2f} times"
        )


def _cpu(system: Measured) -> dict[str, float]:
    return {name: cpu_seconds(system.pid(name)) for name in ("rw-01", "query")}


def _in_turn(requests: list[bytes], number: int) -> bytes:
    return requests[number % len(requests)]
