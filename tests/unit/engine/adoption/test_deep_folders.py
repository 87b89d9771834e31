"""Archives with folders in folders in folders: deeper than a program may call itself, and than a path may be."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from artstore.attributes import FileId
from artstore.engine import Mode
from artstore.engine.adoption import adopt
from artstore.engine.verify import verify
from tests.support.archives import leave
from tests.support.engines import fetch
from tests.unit.engine.conftest import OpenElement

DEEP = 1500
LONGEST_PATH = 4095
"""Bytes that the system takes for one."""


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "archive"
    # shutil calls itself for each folder, which is what the elements must not do.
    subprocess.run(["rm", "-rf", str(tmp_path / "archive")], check=True)


def nest(folder: Path, depth: int) -> int:
    """Makes folders in ``folder``, one in the other, and gives a descriptor of the innermost."""
    descriptor = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=descriptor)
        inner = os.open("d", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    return descriptor


def left_deep_in(root: Path, depth: int) -> UUID:
    """A document at the end of so many folders, beside one at their beginning."""
    file_id = leave(root, "a/doc.txt", b"deep")
    leave(root, "b.txt")
    descriptor = nest(root / "a", depth)
    for name in ("doc.txt", "doc.txt.attr.json"):
        shutil.move(root / "a" / name, root / name)
        os.rename(root / name, name, dst_dir_fd=descriptor)
    os.close(descriptor)
    return UUID(file_id)


async def test_deeper_than_a_program_may_call_itself(root: Path, open_element: OpenElement) -> None:
    file_id = left_deep_in(root, DEEP)
    adoption = adopt(root, element_id="old", mode=Mode.RW)
    assert adoption.findings == []
    assert adoption.documents == 2
    assert verify(root).findings == []
    (root / "wal" / "checkpoint.json").unlink()  # what is used is counted by walking then
    engine = await open_element(root=root, element_id="old", mode=Mode.RW)
    paths = [document.storage_path async for document in engine.scan()]
    assert paths == ["a/" + "d/" * DEEP + "doc.txt", "b.txt"]
    assert [document.storage_path async for document in engine.scan(after=paths[0])] == ["b.txt"]
    assert await fetch(engine, FileId(file_id)) == b"deep"


def to_the_end_of_paths(root: Path) -> int:
    """So many folders that the innermost can be opened, and no file in it."""
    return (LONGEST_PATH - len(os.fsencode(root / "a"))) // len("/d")


@pytest.mark.parametrize("further", [0, 1, 400])
async def test_deeper_than_a_path_may_be(
    root: Path, open_element: OpenElement, damages: None, further: int
) -> None:
    leave(root, "a/c.txt")
    left_deep_in(root, to_the_end_of_paths(root) + further)
    adoption = adopt(root, element_id="old", mode=Mode.RW)
    assert {each.code for each in adoption.findings} == {"E005"}
    assert all("too deep" in each.detail for each in adoption.findings)
    assert adoption.documents == 2
    assert {each.code for each in verify(root).findings} == {"E005"}
    (root / "wal" / "checkpoint.json").unlink()
    engine = await open_element(root=root, element_id="old", mode=Mode.RW)
    assert [document.storage_path async for document in engine.scan()] == ["a/c.txt", "b.txt"]
