"""Elements on every kind of storage, with a storage between that can be told to fail."""

import asyncio
import secrets
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from artstore.engine import Engine
from artstore.engine.blobs import Blobs, LocalBlobs
from artstore.engine.blobs.s3 import S3Blobs
from artstore.engine.blobs.s3_options import S3Options
from artstore.engine.verify import verify
from tests.support.blobs import FaultyBlobs
from tests.support.engines import options_of
from tests.support.swift import Swift

OpenElement = Callable[..., Awaitable[Engine]]
"""Opens the test's element on its storage, with options of its own."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "element"


@pytest.fixture(scope="session")
def bucket(swift: Swift) -> str:
    return swift.make_bucket("elements")


@pytest.fixture
def s3(swift: Swift, bucket: str) -> S3Options:
    """A place for one element."""
    # Few tries, so that a test of failure takes seconds.
    return swift.options(bucket, prefix=f"el-{secrets.token_hex(4)}", retries=1)


@pytest.fixture(params=["local", "s3"])
def make_blobs(request: pytest.FixtureRequest, root: Path) -> Callable[[], Blobs]:
    """Every start of an element has a storage of its own, on the same place."""
    if request.param == "local":
        root.mkdir(exist_ok=True)
        return lambda: LocalBlobs(root)
    options = request.getfixturevalue("s3")
    return lambda: S3Blobs(options)


@pytest.fixture
def faults() -> list[FaultyBlobs]:
    """The storages of the element, one for each start."""
    return []


@pytest.fixture
async def open_element(
    root: Path, make_blobs: Callable[[], Blobs], faults: list[FaultyBlobs]
) -> AsyncIterator[OpenElement]:
    """Closes what is open at the end. The checker is the oracle: the element breaks no rule."""
    engines: list[Engine] = []

    async def open_(**options: Any) -> Engine:
        faults.append(FaultyBlobs(make_blobs()))
        engine = await Engine.open(root, options_of(**options), blobs=faults[-1])
        engines.append(engine)
        return engine

    yield open_
    for each in faults:
        each.heal()
    for engine in engines:
        await engine.close()
    await asyncio.to_thread(check, root, make_blobs())


def check(root: Path, blobs: Blobs) -> None:
    """The root by itself, and with its documents copied into it as ``docs/storage-on-s3.md`` tells."""
    report = verify(root)
    assert (report.findings, report.store) == ([], blobs.abilities.place)
    if blobs.abilities.place is not None:
        whole = root.with_name("whole")
        shutil.copytree(root, whole)
        copy_down(blobs, whole)
        report = verify(whole)
        assert (report.findings, report.store) == ([], None)
        assert list(blobs.walk("deleting")) == []
    blobs.close()


def copy_down(blobs: Blobs, folder: Path) -> None:
    """What ``aws s3 sync`` or ``rclone copy`` does."""
    (folder / "files").mkdir()
    for path in ("element.json", "FORMAT.md", *(path for path, _ in blobs.walk("files"))):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(blobs.read(path, 1 << 30))
