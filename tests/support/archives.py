"""Archives as other software left them: documents with attribute files of version 1.0 or 2.0, anywhere."""

import hashlib
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

VERSION_2: dict[str, Any] = {"schema_version": "2.0", "custom_attributes": {"department": "sales"}}


def leave(root: Path, path: str, content: bytes = b"old content", **fields: Any) -> str:
    """Puts a pair at ``path`` of ``root``; gives its id. ``fields`` replace members, or remove them by None."""
    name = path.rpartition("/")[2]
    members = {
        "file_id": str(uuid4()),
        "original_filename": name,
        "storage_filename": name,
        "storage_path": path.rpartition("/")[0] + "/",
        "file_size": len(content),
        "content_type": "application/octet-stream",
        "created_at": "2024-01-15T10:30:00.123456+00:00",
        "updated_at": "2024-01-15T10:30:00.123456+00:00",
        "created_by_id": "42",
        "created_by_username": "archivist",
        "created_by_fullname": "The archivist",
        "description": "left by somebody",
        "version": "1.0",
        "checksum": hashlib.sha256(content).hexdigest(),
        "metadata": {"legacy": True},
        **fields,
    }
    members = {member: value for member, value in members.items() if value is not None}
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(content)
    (root / f"{path}.attr.json").write_text(json.dumps(members, indent=2, ensure_ascii=False))
    return str(members["file_id"])


def tree(root: Path) -> dict[str, tuple[bytes, int, int]]:
    """Every file below a folder: its bytes, its inode and when it was changed last."""
    found = {}
    for path in root.rglob("*"):
        if path.is_file():
            stat = path.stat()
            found[path.relative_to(root).as_posix()] = path.read_bytes(), stat.st_ino, stat.st_mtime_ns
    return found
