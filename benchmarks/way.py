"""The whole way in through the Ingester, beside straight at the element, and searches, in the same run."""

import os

from benchmarks import load
from benchmarks.element import DOCUMENT, MIB, upload_file
from benchmarks.running import Measured, measured

SECONDS = 10


def measure() -> None:
    with measured() as system:
        for clients in (1, 32):
            straight = _uploads(system, "rw-01", clients)
            whole = _uploads(system, "ingester", clients)
            print(f"uploads of 16 KiB, {clients:2} clients, straight {straight.line()}")
            print(
                f"uploads of 16 KiB, {clients:2} clients, whole    {whole.line()}  {whole.rate / straight.rate:5.2f} of straight"
            )
        _search(system)
        _gigabyte(system)


def _uploads(system: Measured, service: str, clients: int) -> load.Outcome:
    url = f"{system.url(service)}/api/v1/files/upload"
    request = load.form_request(url, system.token, "whole way.bin", DOCUMENT)
    outcome = load.run(url, lambda _: request, clients=clients, seconds=SECONDS)
    assert set(outcome.statuses) <= {201, 503}, outcome.statuses
    return outcome


def _search(system: Measured) -> None:
    url = f"{system.profile.query_url}/api/v1/search?q=whole&limit=20"
    total = int(system.metric("artstore_query_catalog_documents", "query"))
    for clients in (1, 8):
        outcome = load.run(url, lambda _: load.get_request(url, system.token), clients=clients, seconds=5)
        print(f"searches, {clients:2} clients, {total} documents   {outcome.line()}")


def _gigabyte(system: Measured) -> None:
    source = system.folder / "gigabyte"
    block = os.urandom(MIB)
    with source.open("wb") as file:
        for _ in range(1024):
            file.write(block)
    headers = {"Authorization": f"Bearer {system.token}"}
    straight, _ = upload_file(f"{system.url('rw-01')}/api/v1/files/upload", source, headers)
    whole, _ = upload_file(f"{system.url('ingester')}/api/v1/files/upload", source, headers)
    print(
        f"1 GiB up, straight {straight:6.2f} s, whole {whole:6.2f} s, {whole / straight:5.2f} times straight"
    )
