"""A pass that is interrupted goes on where it was; when each document was verified can be read."""

import asyncio
import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from artstore.attributes import FileId
from artstore.engine import Engine, Mode
from artstore.engine.adoption import adopt
from artstore.engine.scrub import Scrub, ScrubFinding
from artstore.engine.scrub.limiter import Limiter, Stopped
from tests.support.archives import leave
from tests.support.engines import options_of, store
from tests.support.scrubs import findings, passed, scrubbed, told

SIZE = 50_000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "element"


def archive(root: Path, folders: int = 4, documents: int = 5) -> dict[str, str]:
    """Adopted documents in several folders; their paths by id."""
    found = {}
    for folder in range(folders):
        for number in range(documents):
            path = f"{folder:02d}/{number}.bin"
            found[leave(root, path, os.urandom(SIZE))] = path
    adopt(root, element_id="el-1", mode=Mode.EDIT)
    return found


async def opened(root: Path) -> Engine:
    return await Engine.open(root, options_of())


async def until(scrub: Scrub, documents: int) -> None:
    """Waits until a pass has read so many documents."""
    while scrub.progress().documents < documents and scrub.running:  # noqa: ASYNC110 - it announces findings only
        await asyncio.sleep(0.01)


class TestInterrupted:
    async def test_goes_on_where_it_was(self, root: Path) -> None:
        archive(root)
        engine = await opened(root)
        scrub = engine.scrub(bytes_per_second=SIZE * 10)
        scrub.start()
        scrub.start()
        assert scrub.running
        await until(scrub, 10)
        await scrub.stop()
        reached = scrub.progress()
        assert not scrub.running
        assert scrub.interrupted
        assert reached.documents >= 10
        assert scrub.last_result() is None
        await engine.close()
        engine = await opened(root)
        again = engine.scrub(bytes_per_second=None)
        assert again.interrupted
        assert again.progress().documents == reached.documents
        assert again.progress().begun_at == reached.begun_at
        await passed(again)
        result = again.last_result()
        assert result is not None
        assert (result.number, result.documents, result.begun_at) == (1, 20, reached.begun_at)
        await engine.close()

    async def test_does_not_read_again_what_was_read(self, root: Path) -> None:
        documents = archive(root)
        engine = await opened(root)
        scrub = engine.scrub(bytes_per_second=SIZE * 10)
        scrub.start()
        await until(scrub, 10)
        await scrub.stop()
        for path in documents.values():
            (root / path).write_bytes(b"x" * SIZE)
        scrub.bytes_per_second = None
        await passed(scrub)
        assert 0 < len(told(scrub)) <= 10
        await passed(scrub)
        assert len(told(scrub)) == 20
        await engine.close()

    async def test_within_one_large_folder(self, root: Path) -> None:
        archive(root, folders=1, documents=40)
        engine = await opened(root)
        scrub = engine.scrub(bytes_per_second=SIZE * 20)
        scrub.start()
        await until(scrub, 10)
        await scrub.stop()
        reached = scrub.progress().documents
        assert 10 <= reached < 40
        scrub = Scrub(scrub._parts, bytes_per_second=None)
        assert scrub.progress().documents == reached
        await passed(scrub)
        result = scrub.last_result()
        assert result is not None
        assert result.documents == 40
        await engine.close()

    async def test_keeps_what_was_found(self, root: Path) -> None:
        archive(root)
        (root / "00/0.bin").unlink()
        (root / "03/0.bin").unlink()
        engine = await opened(root)
        alarms: list[ScrubFinding] = []
        scrub = engine.scrub(bytes_per_second=SIZE * 10, told=alarms.append)
        scrub.start()
        await until(scrub, 6)
        await scrub.stop()
        assert [finding.path for finding in alarms] == ["00/0.bin"]
        assert list(scrub.progress().findings) == alarms
        await engine.close()
        engine = await opened(root)
        scrub = engine.scrub(bytes_per_second=None, told=alarms.append)
        await passed(scrub)
        assert told(scrub) == [("D001", "00/0.bin"), ("D001", "03/0.bin")]
        assert [finding.path for finding in alarms] == ["00/0.bin", "03/0.bin"]
        await engine.close()

    async def test_closing_the_engine_interrupts_it(self, root: Path) -> None:
        archive(root)
        engine = await opened(root)
        scrub = engine.scrub(bytes_per_second=1000)
        scrub.start()
        await asyncio.sleep(0)
        await engine.close()
        assert not scrub.running
        assert scrub.progress().failed is None

    async def test_a_stop_does_not_wait_for_the_rate(self, root: Path) -> None:
        archive(root)
        engine = await opened(root)
        scrub = engine.scrub(bytes_per_second=1)
        scrub.start()
        await asyncio.sleep(0.1)
        async with asyncio.timeout(60):  # at that rate the next document would take longer
            await scrub.stop()
        await scrub.stop()
        await engine.close()

    def test_after_a_kill_at_any_moment(self, root: Path) -> None:
        archive(root, folders=8)
        program = """
import asyncio, sys
from pathlib import Path
from artstore.engine import Engine, EngineOptions
async def main():
    engine = await Engine.open(Path(sys.argv[1]), EngineOptions(create=False, keep_free_bytes=0))
    scrub = engine.scrub(bytes_per_second=1_000_000, note_seconds=0)
    scrub.start()
    while scrub.running:
        print(scrub.progress().documents, flush=True)
        sys.stdin.readline()  # stands still until it is looked at
        await asyncio.sleep(0.01)
    result = scrub.last_result()
    print("done", result.number, result.documents, len(result.findings), flush=True)
asyncio.run(main())
"""
        killed = 0
        for _ in range(10):
            with subprocess.Popen(
                [sys.executable, "-c", program, root],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                bufsize=1,
            ) as run:
                assert run.stdin is not None
                assert run.stdout is not None
                begun: int | None = None
                for line in run.stdout:
                    if line.startswith("done"):
                        assert line.split() == ["done", "1", "40", "0"]
                        assert killed
                        return
                    read = int(line)
                    begun = read if begun is None else begun
                    run.stdin.write("\n")
                    # Not near the end: once a pass is over, the next run begins another one.
                    if begun + 12 <= read <= 30:
                        run.kill()
                        killed += 1
                        break
        raise AssertionError("it never came to an end")


class TestVerifiedAt:
    async def test_a_document_counts_from_when_it_was_stored(self, root: Path) -> None:
        documents = archive(root)
        engine = await opened(root)
        scrub = engine.scrub(bytes_per_second=None)
        old = FileId(UUID(next(iter(documents))))
        adopted_at = engine.element.created_at
        assert await scrub.last_verified(old) == adopted_at
        assert scrub.oldest_verified() == adopted_at
        new = await store(engine, b"new")
        assert await scrub.last_verified(FileId(new.file_id)) == new.created_at
        await passed(scrub)
        assert await scrub.last_verified(FileId(new.file_id)) == new.created_at
        await engine.close()

    async def test_after_a_pass_from_when_its_folder_was_read(self, root: Path) -> None:
        documents = archive(root)
        make_older(root)
        engine = await opened(root)
        before = datetime.now(UTC).replace(microsecond=0)
        scrub = await scrubbed(engine)
        for _ in range(2):
            for file_id in documents:
                verified_at = await scrub.last_verified(FileId(UUID(file_id)))
                assert verified_at is not None
                assert before <= verified_at <= datetime.now(UTC)
            oldest = scrub.oldest_verified()
            assert oldest is not None
            assert before <= oldest <= datetime.now(UTC)
            await engine.close()
            engine = await opened(root)
            scrub = engine.scrub()
        await engine.close()

    async def test_damage_does_not_count_as_verified(self, root: Path) -> None:
        documents = archive(root)
        make_older(root)
        engine = await opened(root)
        damaged, path = next((FileId(UUID(file_id)), path) for file_id, path in documents.items())
        sound = (root / path).read_bytes()
        (root / path).write_bytes(b"x" * SIZE)
        scrub = await scrubbed(engine)
        assert await scrub.last_verified(damaged) == engine.element.created_at
        (root / path).write_bytes(sound)
        await passed(scrub)
        verified_at = await scrub.last_verified(damaged)
        assert verified_at is not None
        assert verified_at > engine.element.created_at
        (root / path).write_bytes(b"x" * SIZE)
        await passed(scrub)
        assert await scrub.last_verified(damaged) == verified_at
        (root / f"{path}.attr.json").write_bytes(b"?")
        assert await scrub.last_verified(damaged) is None
        await engine.close()


def make_older(root: Path) -> None:
    """Makes the element a day older than it is."""
    description = json.loads((root / "element.json").read_bytes())
    del description["element_crc32"]
    description["created_at"] = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    (root / "element.json").write_text(json.dumps(description))


class TestLostJournal:
    @pytest.mark.parametrize(
        "content", [None, b"", b"\xff" * 100, b"{}\n[]\n", b'{"kind":"folder","crc32":"0"}']
    )
    async def test_is_begun_anew(self, root: Path, content: bytes | None) -> None:
        archive(root)
        engine = await opened(root)
        await scrubbed(engine)
        await engine.close()
        path = root / "scrub/journal.jsonl"
        path.unlink()
        if content is not None:
            path.write_bytes(content)
        engine = await opened(root)
        scrub = engine.scrub(bytes_per_second=None)
        assert scrub.last_result() is None
        await passed(scrub)
        assert findings(scrub) == []
        await engine.close()


class TestLimiter:
    def test_holds_the_rate(self) -> None:
        limiter = Limiter(1_000_000)
        began = time.monotonic()
        for _ in range(10):
            limiter.take(30_000)
        assert time.monotonic() - began >= 0.26

    def test_unlimited(self) -> None:
        limiter = Limiter(None)
        began = time.monotonic()
        for _ in range(1000):
            limiter.take(1 << 30)
        assert time.monotonic() - began < 60

    def test_stops(self) -> None:
        limiter = Limiter(1)
        limiter.take(100)
        limiter.stop()
        for _ in range(2):
            with pytest.raises(Stopped):
                limiter.take(1)
        limiter.go_on()
        limiter.bytes_per_second = None
