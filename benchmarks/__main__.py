"""Run the measurements: python -m benchmarks [--list] [NAME …]."""

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable

from benchmarks import (
    attributes,
    audit,
    catalog,
    compression,
    downloads,
    element,
    ingester,
    limits,
    rebuild,
    recovery,
    resumable,
    tokens,
    way,
)

MEASUREMENTS: dict[str, tuple[Callable[[], None], str]] = {
    "attributes": (attributes.measure, "attributes validated, migrated and written, in microseconds"),
    "tokens": (tokens.measure, "tokens issued and verified"),
    "limits": (limits.measure, "what a rate limit adds to a request, with Redis and without"),
    "audit": (audit.measure, "the audit trail: appends, and proofs about a million entries"),
    "element": (element.measure, "uploads and downloads straight at an element, beside bare loops"),
    "recovery": (
        recovery.measure,
        "an element that was killed before its files showed anything, until it serves",
    ),
    "rebuild": (rebuild.measure, "the index of an element made anew from its files"),
    "ingester": (ingester.measure, "the Ingester: placement, and uploads beside straight to the element"),
    "resumable": (resumable.measure, "a large document in pieces of 8 MiB (tus), beside one request"),
    "compression": (compression.measure, "elements that compress, in each way, beside one that does not"),
    "catalog": (catalog.measure, "the catalog: rebuilt, and searched by every kind of question"),
    "downloads": (downloads.measure, "downloads through Query, beside straight, beside nginx"),
    "way": (way.measure, "from an upload to a search: how soon the catalog has it, and searches meanwhile"),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(MEASUREMENTS))
    parser.add_argument("--list", action="store_true", help="say what can be measured")
    options = parser.parse_args()
    if options.list:
        for name, (_, what) in MEASUREMENTS.items():
            print(f"{name:12} {what}")
        return 0
    unknown = set(options.names) - set(MEASUREMENTS)
    if unknown:
        parser.error(f"no such measurement: {', '.join(sorted(unknown))}; --list names them")
    print(
        f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()} {platform.release()}"
    )
    for name in options.names or MEASUREMENTS:
        measure, what = MEASUREMENTS[name]
        print(f"\n## {name}: {what}", flush=True)
        started = time.monotonic()
        measure()
        print(f"({time.monotonic() - started:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
