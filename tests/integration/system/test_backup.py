"""What the page on operating says of backups holds: a copy of a running element has all that was acknowledged."""

import asyncio
import hashlib
import itertools
import os
import subprocess
from pathlib import Path
from uuid import UUID

from artstore.attributes import FileId
from artstore.engine import Engine, EngineOptions
from artstore.engine.verify import verify
from tests.support import pages
from tests.support.system import Account, RunningSystem


async def test_copy_of_a_running_element_is_whole(
    system: RunningSystem, account: Account, tmp_path: Path
) -> None:
    """While documents of all sizes keep coming, so that the log moves on under the copy."""
    stored: dict[str, bytes] = {}
    enough, copied = asyncio.Event(), asyncio.Event()

    async def keep_storing(sender: int) -> None:
        for number in itertools.count():
            size = (300, 20_000, 150_000)[(sender + number) % 3]
            content = f"{sender} {number} ".encode() * (size // 6)
            answer = await account.upload(f"backup {sender} {number}.txt", content)
            assert answer.status_code == 201, answer.text
            stored[answer.json()["file_id"]] = content
            if len(stored) > 100:
                enough.set()
            if copied.is_set():
                return

    async with asyncio.TaskGroup() as group:
        for sender in range(4):
            group.create_task(keep_storing(sender))
        await enough.wait()
        acknowledged = dict(stored)
        await asyncio.to_thread(_copy, system.root("rw-01"), tmp_path / "copy")
        copied.set()

    report = verify(tmp_path / "copy")
    assert not report.damaged, report.findings
    engine = await Engine.open(tmp_path / "copy", EngineOptions(create=False))
    try:
        assert not engine.recovery.loss, engine.recovery.findings
        for file_id, content in acknowledged.items():
            attributes = await engine.attributes(FileId(UUID(file_id)))
            assert attributes.checksum == hashlib.sha256(content).hexdigest()
            async with await engine.open_document(FileId(UUID(file_id))) as document:
                assert await document.read(0, document.size) == content
    finally:
        await engine.close()
    assert verify(tmp_path / "copy").clean


def _copy(root: Path, copy: Path) -> None:
    commands = _commands("### A copy of an element that runs", "sh")
    # Temporary files go while they are being copied, which cp calls a failure.
    environment = {**os.environ, "ROOT": str(root), "COPY": str(copy)}
    subprocess.run(["sh", "-c", commands], env=environment, check=False)


async def test_copy_is_put_back(own_system: RunningSystem, tmp_path: Path) -> None:
    """An element that is older than what the catalog knows, and takes new documents at once."""
    root, copy, account = own_system.root("rw-01"), tmp_path / "copy", await own_system.create_account()
    kept = [(await account.upload(f"kept {n}.txt", b"kept")).json()["file_id"] for n in range(3)]
    await asyncio.to_thread(_copy, root, copy)
    lost = [(await account.upload(f"lost {n}.txt", b"lost")).json()["file_id"] for n in range(3)]
    await account.find("lost", lost[-1])

    await own_system.stop("rw-01")
    await own_system.stop("query")
    root.rename(tmp_path / "lost")
    copy.rename(root)
    with own_system.database() as connection:
        for statement in _commands("### Putting a copy back", "sql").split(";"):
            connection.execute(statement.encode())
    await own_system.start("rw-01")
    await own_system.start("query")

    new = [(await account.upload_until_taken(f"new {n}.txt", b"new"))["file_id"] for n in range(5)]
    for words, file_ids in (("kept", kept), ("new", new)):
        for file_id in file_ids:
            await account.find(words, file_id)
    assert await account.search("lost") == []
    assert [(await account.download(file_id)).status_code for file_id in lost] == [404] * 3


def _commands(heading: str, language: str) -> str:
    """The block of commands below a heading of the page."""
    section = pages.read("operating.md").partition(heading + "\n")[2].partition("\n#")[0]
    [commands] = pages.blocks(section, language)
    return commands
