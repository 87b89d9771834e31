"""The way from an upload to a search: how soon the catalog has what elements store, and searches meanwhile."""

import os
import threading

import httpx

from benchmarks import load
from benchmarks.element import DOCUMENT
from benchmarks.running import Measured, measured

SECONDS = float(os.environ.get("SECONDS", "20"))
DELAY = "artstore_query_catalog_delay_seconds"
ALL = "+Inf"


def measure() -> None:
    """``SECONDS`` in the environment makes it shorter."""
    with measured() as system:
        _load(system, 1, 3)  # until the catalog has met the element
        for clients in (1, 32):
            _uploads(system, clients)


def _uploads(system: Measured, clients: int) -> None:
    """Uploads through the Ingester, and one client that searches meanwhile."""
    before = _delays(system)
    searching: list[load.Outcome] = []
    searcher = threading.Thread(target=lambda: searching.append(_searches(system)))
    searcher.start()
    outcome = _load(system, clients, SECONDS)
    searcher.join()
    print(f"uploads, {clients:2} clients   {outcome.line()}")
    print(f"  searches meanwhile  {searching[0].line()}")
    counts = {bound: count - before[bound] for bound, count in _delays(system).items()}
    within = next(bound for bound, count in counts.items() if count >= 0.99 * counts[ALL])
    print(
        f"  in the catalog: 99 of 100 within {within} s of being stored,"
        f" {counts['0.5'] / counts[ALL]:.1%} within 0.5 s (aim: 99 %)"
    )


def _load(system: Measured, clients: int, seconds: float) -> load.Outcome:
    url = f"{system.url('ingester')}/api/v1/files/upload"
    request = load.form_request(url, system.token, "whole way.bin", DOCUMENT)
    outcome = load.run(url, lambda _: request, clients=clients, seconds=seconds)
    assert set(outcome.statuses) <= {201, 503}, outcome.statuses
    return outcome


def _searches(system: Measured) -> load.Outcome:
    url = f"{system.profile.query_url}/api/v1/search?q=whole&limit=20"
    return load.run(url, lambda _: load.get_request(url, system.token), clients=1, seconds=SECONDS)


def _delays(system: Measured) -> dict[str, float]:
    """How many changes came into the catalog within each bound (seconds)."""
    text = httpx.get(f"{system.url('query')}/metrics", timeout=10).text
    lines = (line for line in text.splitlines() if line.startswith(f"{DELAY}_bucket"))
    return {line.split('le="')[1].split('"')[0]: float(line.rsplit(" ", 1)[1]) for line in lines}
