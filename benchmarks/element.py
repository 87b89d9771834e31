"""An element by itself, tokens and everything on, beside bare loops that write the same bytes."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from benchmarks import bare, load
from benchmarks.nginx import nginx, put_seconds
from benchmarks.running import Measured, cpu_seconds, measured

KIB, MIB = 1 << 10, 1 << 20
DOCUMENT = os.urandom(16 * KIB)
BURST_SECONDS, SUSTAINED_SECONDS, BARE_SECONDS = 10, 60, 5


def measure() -> None:
    with measured() as system:
        bare_folder = system.folder / "bare"
        bare_folder.mkdir()
        print("16 KiB documents:")
        appended = bare.append_and_flush(bare_folder, DOCUMENT + b"x" * KIB, BARE_SECONDS)
        print(f"  append + fdatasync, bare                {appended:8.0f}/s")
        one = bare.files_and_flush(_new(bare_folder / "one"), DOCUMENT, BARE_SECONDS, threads=1)
        many = bare.files_and_flush(_new(bare_folder / "many"), DOCUMENT, BARE_SECONDS, threads=32)
        print(f"  both files flushed, bare,  1 thread     {one:8.0f}/s")
        print(f"  both files flushed, bare, 32 threads    {many:8.0f}/s")
        _uploads(system, 1, BURST_SECONDS, one)
        _uploads(system, 32, BURST_SECONDS, many)
        _uploads(system, 32, SUSTAINED_SECONDS, many)
        shutil.rmtree(bare_folder)
        _gigabyte(system)


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _uploads(system: Measured, clients: int, seconds: float, reference: float) -> None:
    url = f"{system.url('rw-01')}/api/v1/files/upload"
    request = load.form_request(url, system.token, "document.bin", DOCUMENT)
    flushes = system.metric("artstore_storage_log_flushes_total", "rw-01")
    cpu, own = _cpu(system), time.process_time()
    outcome = load.run(url, lambda _: request, clients=clients, seconds=seconds)
    count = len(outcome.latencies)
    assert set(outcome.statuses) <= {201, 503}, outcome.statuses
    taken = outcome.statuses.get(201, 0)
    flushes = system.metric("artstore_storage_log_flushes_total", "rw-01") - flushes
    spent = {name: seconds - cpu[name] for name, seconds in _cpu(system).items()}
    spent["this load"] = time.process_time() - own
    print(
        f"  uploads, {clients:2} clients, {seconds:2.0f} s     {outcome.line()}  {outcome.rate / reference:5.2f} times bare"
    )
    print(
        f"      flushes for each upload {flushes / taken:.2f}, refused {count - taken},"
        f" backlog afterwards {_backlog(system)}"
    )
    costs = ", ".join(f"{name} {seconds / taken * 1000:.2f}" for name, seconds in spent.items())
    print(f"      CPU seconds for 1,000 uploads: {costs}; together {sum(spent.values()) / taken * 1000:.2f}")


def _cpu(system: Measured) -> dict[str, float]:
    """Of all that has to do with an upload: Query takes it into the catalog."""
    return {name: cpu_seconds(system.pid(name)) for name in ("rw-01", "query", "postgres", "redis")}


def _backlog(system: Measured) -> str:
    answer = httpx.get(f"{system.url('rw-01')}/metrics", timeout=10).text.splitlines()
    lags = [line for line in answer if line.startswith("artstore_storage_follower_lag")]
    return ", ".join(line.partition("{")[2].replace("}", "").replace('"', "") for line in lags)


def _gigabyte(system: Measured) -> None:
    print("1 GiB:")
    source = system.folder / "gigabyte"
    block = os.urandom(MIB)
    with source.open("wb") as file:
        for _ in range(1024):
            file.write(block)
    reference = min(bare.checksum_copy_flush(source, system.folder) for _ in range(3))
    print(f"  sha256sum + cp + fsync, bare {reference:6.2f} s")
    headers = {"Authorization": f"Bearer {system.token}"}
    url = f"{system.url('rw-01')}/api/v1/files"
    seconds, file_id = upload_file(f"{url}/upload", source, headers)
    print(f"  up                           {seconds:6.2f} s  {seconds / reference:5.2f} times bare")
    read = min(bare.read_and_checksum(source) for _ in range(3))
    print(f"  cat into a pipe, bare        {read:6.2f} s")
    seconds = curl_seconds(f"{url}/{file_id}/download", headers)
    print(f"  down (curl)                  {seconds:6.2f} s  {seconds / read:5.2f} times bare")
    with nginx(system.folder / "nginx") as address:
        if address is None:
            print("  nginx is not installed: no comparison with it")
        else:
            up = put_seconds(f"{address}/gigabyte", source)
            print(f"  up, nginx (no checksum, no flush) {up:.2f} s")
            down = curl_seconds(f"{address}/gigabyte", {})
            print(f"  down, nginx (curl)           {down:6.2f} s  ours {seconds / down:.2f} times nginx")
    source.unlink()


def upload_file(url: str, source: Path, headers: dict[str, str]) -> tuple[float, str]:
    """Seconds to upload one file as a form, and its file_id."""
    head = b'--bench\r\nContent-Disposition: form-data; name="file"; filename="gigabyte.bin"\r\n\r\n'
    tail = b"\r\n--bench--\r\n"

    def body() -> Iterator[bytes]:
        yield head
        with source.open("rb") as file:
            while block := file.read(MIB):
                yield block
        yield tail

    length = len(head) + source.stat().st_size + len(tail)
    started = time.perf_counter()
    answer = httpx.post(
        url,
        content=body(),
        headers={
            **headers,
            "Content-Type": "multipart/form-data; boundary=bench",
            "Content-Length": str(length),
        },
        timeout=300,
    )
    answer.raise_for_status()
    return time.perf_counter() - started, str(answer.json()["file_id"])


def curl_seconds(url: str, headers: dict[str, str]) -> float:
    """The best of three downloads by curl, into nothing. The token is passed by standard input."""
    config = "".join(f'header = "{name}: {value}"\n' for name, value in headers.items())
    best = float("inf")
    for _ in range(3):
        started = time.perf_counter()
        subprocess.run(
            ["curl", "-sf", "-K", "-", "-o", "/dev/null", url], input=config.encode(), check=True, timeout=120
        )
        best = min(best, time.perf_counter() - started)
    return best
