"""The index of an element made anew from its files, by a running element and its PostgreSQL.

DOCUMENTS in the environment says how many documents there are (100,000 by default; a million takes some minutes
to make). Beside two references on the same files: cat, which reads the same attribute files, and a bare COPY
of them into a table without an index.
"""

import os
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psycopg

from artstore.attributes import ATTRIBUTE_SUFFIX, folder_of, new_file_id, stored_name
from artstore.engine import Draft
from benchmarks.running import Measured, cpu_seconds, measured

DOCUMENTS = int(os.environ.get("DOCUMENTS", "100000"))
ELEMENT = "rw-01"
_HOURS = 500
"""Over so many folders the documents are spread."""


def measure() -> None:
    with measured() as system:
        element = system.system.parts[ELEMENT]
        element.stop()
        started = time.perf_counter()
        _fill(system.root(ELEMENT), DOCUMENTS)
        print(f"{DOCUMENTS} documents made in {time.perf_counter() - started:.0f} s")
        cat = _cat(system.root(ELEMENT))
        _line("cat of all attribute files", cat)
        _line("bare COPY of all attribute files", _copy(system, system.root(ELEMENT)))
        started = time.perf_counter()
        element.start()
        print(f"  the element is ready after {time.perf_counter() - started:.1f} s")
        cpu = cpu_seconds(system.pid(ELEMENT))
        seconds = _rebuild(system)
        _line("rebuild of the index", seconds)
        cpu = cpu_seconds(system.pid(ELEMENT)) - cpu
        print(f"      {seconds / cat:.1f} times cat; CPU seconds of the element {cpu:.1f}")


def _fill(root: Path, documents: int) -> None:
    """Documents as an element leaves them, without the flushes; each has one byte."""
    draft = Draft(
        original_filename="Протокол 2026.txt",
        created_by_id="01a2099a-adca-7048-b26e-0343e8e7a76d",
        created_by_username="bench",
        content_type="text/plain",
        description="Minutes of the committee, scanned and recognized",
        custom_attributes={"customer": "Almaz", "pages": 12, "year": 2026},
        tags=["2026", "minutes"],
    )
    first = draft.attributes(b"x", 1, "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881")
    begin = datetime(2025, 1, 1, tzinfo=UTC)
    for number in range(documents):
        at = begin + timedelta(hours=number % _HOURS, milliseconds=number // _HOURS)
        file_id = new_file_id(at)
        name = stored_name(first.original_filename, first.created_by_username, at, file_id)
        path = f"files/{folder_of(file_id)}/{name}"
        attributes = first.changed(
            file_id=file_id, storage_filename=name, storage_path=path, created_at=at, updated_at=at
        )
        target = root / path
        if number < _HOURS:
            target.parent.mkdir(parents=True)
        target.write_bytes(b"x")
        target.with_name(target.name + ATTRIBUTE_SUFFIX).write_bytes(attributes.to_bytes())


def _rebuild(system: Measured) -> float:
    """Seconds. An element that finds files and an empty index begins by itself."""
    url = f"{system.url(ELEMENT)}/api/v1/index"
    headers = {"Authorization": f"Bearer {system.administrator_token}"}
    with httpx.Client(timeout=30, headers=headers) as http:
        http.post(f"{url}/rebuild").raise_for_status()
        while (rebuild := http.get(url).raise_for_status().json()["rebuild"])["finished_at"] is None:
            time.sleep(0.5)
    assert rebuild["documents"] == DOCUMENTS, rebuild
    return float(rebuild["documents"] / rebuild["documents_per_second"])


def _cat(root: Path) -> float:
    started = time.perf_counter()
    command = "find files -name '*.attr.json' -print0 | xargs -0 cat > /dev/null"
    subprocess.run(["sh", "-c", command], cwd=root, check=True)
    return time.perf_counter() - started


def _copy(system: Measured, root: Path) -> float:
    with psycopg.connect(system.database_url.replace("+psycopg", "")) as connection:
        connection.execute("CREATE TEMPORARY TABLE bare (attributes jsonb)")
        started = time.perf_counter()
        with connection.cursor().copy("COPY bare FROM STDIN") as copy:
            for path in root.glob("files/*/*/*/*/*.attr.json"):
                copy.write_row([path.read_text()])
        connection.commit()
        return time.perf_counter() - started


def _line(what: str, seconds: float) -> None:
    print(f"  {what:34} {seconds:8.1f} s  {DOCUMENTS / seconds:8.0f}/s")
