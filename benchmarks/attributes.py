"""Cost of one attribute file: validated, migrated from version 1.0, written. Figure: below 1 ms each."""

import json
import timeit
from collections.abc import Callable
from datetime import UTC, datetime

from artstore.attributes import FileAttributes, new_file_id, parse

ROUNDS = 2000
NEW_IN_VERSION_2 = ("schema_version", "custom_attributes", "attributes_crc32")


def measure() -> None:
    now = datetime(2026, 11, 23, 12, 1, 2, tzinfo=UTC)
    written = FileAttributes.of(
        {
            "file_id": new_file_id(now),
            "original_filename": "отчёт за 2025.pdf",
            "storage_filename": "отчёт за 2025_billing.pdf",
            "storage_path": "files/2026/11/23/12/отчёт за 2025_billing.pdf",
            "file_size": 16384,
            "content_type": "application/pdf",
            "created_at": now,
            "updated_at": now,
            "created_by_id": "0193a5b0-0000-7000-8000-000000000000",
            "created_by_username": "billing",
            "checksum": "ab" * 32,
            "custom_attributes": {f"attribute {n}": f"value {n}" for n in range(10)},
            "tags": ["invoice", "2025"],
        }
    ).to_bytes()
    old = {k: v for k, v in json.loads(written).items() if k not in NEW_IN_VERSION_2}
    version_1 = json.dumps(old, ensure_ascii=False).encode()
    attributes = parse(written)
    reference = _microseconds(lambda: json.loads(written))
    print(f"json.loads (reference)      {reference:8.1f} µs")
    for what, act in (
        ("parsed and validated", lambda: parse(written)),
        ("migrated from version 1.0", lambda: parse(version_1)),
        ("written", attributes.to_bytes),
    ):
        cost = _microseconds(act)
        print(f"{what:27} {cost:8.1f} µs   {cost / reference:5.1f} times json.loads")


def _microseconds(act: Callable[[], object]) -> float:
    return min(timeit.repeat(act, number=ROUNDS, repeat=3)) / ROUNDS * 1e6
