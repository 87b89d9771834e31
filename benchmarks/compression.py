"""What compression costs and saves: elements that differ in nothing else, one after another in the same run."""

import os
import random
from pathlib import Path

from artstore.launcher.settings import Element
from benchmarks import load
from benchmarks.element import MIB, curl_seconds, upload_file
from benchmarks.running import Measured, cpu_seconds, measured

SECONDS = float(os.environ.get("SECONDS", "10"))
MEBIBYTES = int(os.environ.get("MEBIBYTES", "256"))
WAYS = ("none", "gzip", "br", "zstd")
SAMPLES = Path(__file__).parents[1] / "samples"
DOCUMENT_BYTES = 48 * 1024


def measure() -> None:
    """``SECONDS`` and ``MEBIBYTES`` in the environment make it shorter."""
    elements = tuple(Element(f"rw-{way}", "rw", {"ARTSTORE_STORAGE_COMPRESSION": way}) for way in WAYS)
    lines = _lines()
    text = b"".join(random.Random(1).choices(lines, k=4000))[:DOCUMENT_BYTES]
    with measured(elements=elements) as system:
        for what, content in (("text", text), ("random bytes", os.urandom(DOCUMENT_BYTES))):
            print(f"48 KiB of {what}, 32 clients:")
            for way in WAYS:
                _uploads(system, way, content)
        _large(system, lines)


def _lines() -> list[bytes]:
    """Of all texts among the samples."""
    texts = [
        path for path in sorted(SAMPLES.rglob("*")) if path.suffix in {".txt", ".csv", ".json", ".eml", ".md"}
    ]
    return [line for path in texts for line in path.read_bytes().splitlines(keepends=True)]


def _uploads(system: Measured, way: str, content: bytes) -> None:
    element_id = f"rw-{way}"
    url = f"{system.url(element_id)}/api/v1/files/upload"
    request = load.form_request(url, system.token, "document.txt", content)
    before, cpu = (
        system.metric("artstore_storage_used_bytes", element_id),
        cpu_seconds(system.pid(element_id)),
    )
    outcome = load.run(url, lambda _: request, clients=32, seconds=SECONDS)
    taken = outcome.statuses.get(201, 0)
    kept = (system.metric("artstore_storage_used_bytes", element_id) - before) / taken / 1024
    cpu = (cpu_seconds(system.pid(element_id)) - cpu) / taken * 1000
    print(f"  {way:5} {outcome.line()}  kept {kept:6.1f} KiB each, CPU seconds for 1,000 {cpu:5.2f}")


def _large(system: Measured, lines: list[bytes]) -> None:
    source = system.folder / "large.txt"
    choice = random.Random(2)
    with source.open("wb") as file:
        while file.tell() < MEBIBYTES * MIB:
            file.write(
                b"".join(b"%d;%b" % (choice.randrange(10**9), line) for line in choice.choices(lines, k=2000))
            )
    print(f"{MEBIBYTES} MiB of text with a number before each line:")
    headers = {"Authorization": f"Bearer {system.token}"}
    for way in WAYS:
        element_id = f"rw-{way}"
        url = f"{system.url(element_id)}/api/v1/files"
        before = system.metric("artstore_storage_used_bytes", element_id)
        cpu = cpu_seconds(system.pid(element_id))
        seconds, file_id = upload_file(f"{url}/upload", source, headers)
        cpu = cpu_seconds(system.pid(element_id)) - cpu
        kept = (system.metric("artstore_storage_used_bytes", element_id) - before) / source.stat().st_size
        whole = curl_seconds(f"{url}/{file_id}/download", headers)
        as_stored = curl_seconds(f"{url}/{file_id}/download", headers | {"Accept-Encoding": "gzip, br, zstd"})
        last = curl_seconds(f"{url}/{file_id}/download", headers | {"Range": "bytes=-1024"})
        print(
            f"  {way:5} up {seconds:6.2f} s, CPU {cpu:6.2f} s, kept {kept:6.1%}; down {whole:5.2f} s,"
            f" as stored {as_stored:5.2f} s, its last KiB {last:5.2f} s"
        )
