"""Storing and reading with an engine alone, in one line each."""

import os
from typing import Any
from uuid import UUID

from artstore.attributes import FileAttributes, FileId
from artstore.engine import Draft, Engine, EngineOptions, Mode

IN_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""A parent for temporary folders of tests that do a thing thousands of times and need no real disk for it."""


def options_of(**options: Any) -> EngineOptions:
    """Small segments, following without delay, and no care for the disk of the machine."""
    small = {"element_id": "el-1", "segment_bytes": 1 << 20, "follow_seconds": 0.0, "keep_free_bytes": 0}
    return EngineOptions(**{"mode": Mode.EDIT, **small, **options})


def draft_of(name: str = "a note.txt", **fields: Any) -> Draft:
    return Draft(original_filename=name, created_by_id="1", created_by_username="tester", **fields)


async def store(
    engine: Engine, content: bytes = b"content", name: str = "a note.txt", **fields: Any
) -> FileAttributes:
    """Stores a document in one piece; aborts if it is refused."""
    upload = engine.begin(expected_bytes=len(content))
    try:
        await upload.write(content)
        return await upload.commit(draft_of(name, **fields))
    except BaseException:
        await upload.abort()
        raise


async def fetch(engine: Engine, file_id: UUID) -> bytes:
    """The bytes of a document."""
    async with await engine.open_document(FileId(file_id)) as document:
        return await document.read(0, document.size)


async def describe(
    engine: Engine, file_id: UUID, text: str, *, if_revision: str | None = None
) -> FileAttributes:
    """Sets a document's description."""
    return await engine.update(
        FileId(file_id), lambda found: found.changed(description=text), if_revision=if_revision
    )
