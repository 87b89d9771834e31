"""The Ingester: what it costs that an upload goes through it, beside straight to the element in the same run."""

import os
import timeit
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from artstore.ingester.placement import Needs, Strategy, Wanted, place
from artstore.wire.elements import ElementHealth, Mode, RegisteredElement, Registration
from benchmarks import load
from benchmarks.element import DOCUMENT, MIB, upload_file
from benchmarks.running import Measured, cpu_seconds, measured
from tests.support.processes import forget_peak, peak

SECONDS = float(os.environ.get("SECONDS", "10"))
MEBIBYTES = int(os.environ.get("MEBIBYTES", "1024"))
NOW = datetime.now(UTC)


def measure() -> None:
    """``SECONDS`` and ``MEBIBYTES`` in the environment make it shorter."""
    _placement()
    with measured() as system:
        for clients in (1, 32):
            straight = _uploads(system, clients, "rw-01", ["rw-01"])
            whole = _uploads(system, clients, "ingester", ["ingester", "rw-01"])
            print(f"  {whole / straight:5.2f} of straight (aim: at least 0.60)")
        _large(system)


def _placement() -> None:
    """Decisions from memory: all elements fit, which is the most work."""
    wanted, required = Wanted(Mode.RW, 16384, 20480), Needs({"region": "eu"}, NOW + timedelta(days=3650))
    for count in (10, 1000):
        elements = [_element(number) for number in range(count)]
        for strategy in Strategy:
            for what, needs in (("", Needs()), (", labels and period", required)):
                rounds = 100_000 // count
                decide = partial(place, elements, wanted, needs, strategy)
                cost = min(timeit.repeat(decide, number=rounds, repeat=3)) / rounds * 1e9
                print(f"placement among {count:4} elements by {strategy}{what:20} {cost:10.0f} ns")


def _element(number: int) -> RegisteredElement:
    return RegisteredElement(
        element_id=f"rw-{number:04}",
        url="http://127.0.0.1:8010",
        mode=Mode.RW,
        capacity_bytes=1 << 40,
        used_bytes=0,
        free_bytes=1 << 40,
        documents=0,
        last_lsn=0,
        health=ElementHealth.OK,
        max_file_bytes=1 << 30,
        started_at=NOW,
        announced_at=NOW,
        registration=Registration(labels={"region": "eu"}, retention_until=NOW + timedelta(days=4000)),
    )


class Costs:
    """CPU seconds and the growth of memory of some services, from here on."""

    def __init__(self, system: Measured, services: list[str]) -> None:
        self._pids = {name: system.pid(name) for name in services}
        for pid in self._pids.values():
            forget_peak(pid)
        self._peaks = {name: peak(pid) for name, pid in self._pids.items()}
        self._cpu = {name: cpu_seconds(pid) for name, pid in self._pids.items()}

    def cpu(self) -> str:
        return ", ".join(
            f"{name} {cpu_seconds(pid) - self._cpu[name]:.2f}" for name, pid in self._pids.items()
        )

    def grown(self) -> str:
        return ", ".join(
            f"{name} {(peak(pid) - self._peaks[name]) / MIB:.0f} MiB" for name, pid in self._pids.items()
        )


def _uploads(system: Measured, clients: int, service: str, working: list[str]) -> float:
    url = f"{system.url(service)}/api/v1/files/upload"
    request = load.form_request(url, system.token, "document.bin", DOCUMENT)
    costs = Costs(system, working)
    outcome = load.run(url, lambda _: request, clients=clients, seconds=SECONDS)
    assert set(outcome.statuses) <= {201, 503}, outcome.statuses
    print(f"uploads of 16 KiB, {clients:2} clients, to {service:8} {outcome.line()}")
    print(f"  CPU seconds for {len(outcome.latencies)}: {costs.cpu()}; grown by {costs.grown()}")
    return outcome.rate


def _large(system: Measured) -> None:
    source = large_file(system.folder / "large")
    headers = {"Authorization": f"Bearer {system.token}"}
    taken: dict[str, float] = {}
    for service, working in (("rw-01", ["rw-01"]), ("ingester", ["ingester", "rw-01"])):
        costs = Costs(system, working)
        taken[service], _ = upload_file(f"{system.url(service)}/api/v1/files/upload", source, headers)
        print(
            f"{MEBIBYTES} MiB to {service:8} {taken[service]:6.2f} s  CPU seconds {costs.cpu()};"
            f" grown by {costs.grown()}"
        )
    print(f"  {taken['ingester'] / taken['rw-01']:5.2f} times straight (aim: at most 1.30)")
    source.unlink()


def large_file(path: Path) -> Path:
    """Of ``MEBIBYTES``, with bytes that nothing makes smaller."""
    block = os.urandom(MIB)
    with path.open("wb") as file:
        for _ in range(MEBIBYTES):
            file.write(block)
    return path
