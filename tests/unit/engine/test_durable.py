"""Writing below an element's root: the order of the system calls, and what a failure leaves behind."""

import errno
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from artstore.engine import durable
from artstore.engine.errors import DiskFull


def traced(code: str, folder: Path, *options: str) -> list[str]:
    """Runs ``code``, which sees ``folder`` and the module, under strace; gives the calls on ``folder``."""
    trace = folder.parent / "trace"
    program = (
        "import sys; from pathlib import Path; from artstore.engine import durable;"
        f" folder = Path(sys.argv[1])\n{code}"
    )
    calls = "openat,write,fsync,fdatasync,close,rename,renameat,renameat2,unlink,mkdir,syncfs"
    strace = ["strace", "-y", "-o", str(trace), "-e", f"trace={calls}", *options]
    # -B, because writing compiled modules makes calls too.
    subprocess.run([*strace, sys.executable, "-B", "-c", program, str(folder)], check=True)
    return [
        line.split("(")[0] + ":" + " ".join(re.findall(rf"{folder}(?:/([^>\"]*))?", line))
        for line in trace.read_text().splitlines()
        if f"{folder}" in line and "= -1 ENOENT" not in line
    ]


def steps(calls: list[str]) -> list[str]:
    return [re.sub(r"\.tmp-\w+", "TEMP", call) for call in calls if not call.startswith("openat")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "root"
    made.mkdir()
    return made


class TestOrderOfSteps:
    def test_write_durably(self, folder: Path) -> None:
        calls = traced("durable.write_durably(folder / 'x', b'data')", folder)
        assert steps(calls) == [
            "write:TEMP",
            "fsync:TEMP",
            "close:TEMP",
            "rename:TEMP x",
            "fsync:",
            "close:",
        ]

    def test_write_behind_flushes_nothing(self, folder: Path) -> None:
        calls = traced("durable.write_behind(folder / 'x', b'data')", folder)
        assert steps(calls) == ["write:TEMP", "close:TEMP", "rename:TEMP x"]

    def test_move_durably_flushes_both_folders(self, folder: Path) -> None:
        (folder / "from").mkdir()
        (folder / "from" / "x").write_bytes(b"x")
        calls = traced("durable.move_durably(folder / 'from' / 'x', folder / 'y')", folder)
        assert steps(calls) == ["rename:from/x y", "fsync:", "close:", "fsync:from", "close:from"]

    def test_remove_durably_flushes_the_folder(self, folder: Path) -> None:
        (folder / "x").write_bytes(b"x")
        calls = traced("durable.remove_durably(folder / 'x')", folder)
        assert steps(calls) == ["unlink:x", "fsync:", "close:"]

    def test_make_folders_flushes_each_parent(self, folder: Path) -> None:
        calls = traced("durable.make_folders(folder / 'a' / 'b')", folder)
        assert steps(calls) == ["mkdir:a", "fsync:", "close:", "mkdir:a/b", "fsync:a", "close:a"]

    def test_flush_filesystem_is_one_call(self, folder: Path) -> None:
        calls = traced("durable.flush_filesystem(folder)", folder)
        assert steps(calls) == ["syncfs:", "close:"]


class TestFailures:
    @pytest.mark.parametrize("call", ["write", "fsync", "rename"])
    def test_a_full_disk_leaves_what_was_there(self, folder: Path, call: str) -> None:
        (folder / "x").write_bytes(b"old")
        code = (
            "from artstore.engine.errors import DiskFull\n"
            "try: durable.write_durably(folder / 'x', b'new')\n"
            "except DiskFull as error: print(error)\n"
            "else: raise SystemExit('nothing failed')"
        )
        traced(code, folder, "-e", f"inject={call}:error=ENOSPC:when=1")
        assert [path.name for path in folder.iterdir()] == ["x"]
        assert (folder / "x").read_bytes() == b"old"

    def test_an_error_of_the_disk_passes_and_is_not_tried_again(self, folder: Path) -> None:
        code = (
            "try: durable.write_durably(folder / 'x', b'new')\n"
            "except OSError as error: assert error.errno == 5, error\n"
            "else: raise SystemExit('nothing failed')"
        )
        calls = traced(code, folder, "-e", "inject=fsync:error=EIO:when=1")
        assert steps(calls) == ["write:TEMP", "fsync:TEMP", "close:TEMP", "unlink:TEMP"]
        assert list(folder.iterdir()) == []

    def test_an_interrupted_source_leaves_nothing(self, folder: Path) -> None:
        def chunks() -> Iterator[bytes]:
            yield b"begun"
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            durable.write_durably(folder / "x", chunks())
        assert list(folder.iterdir()) == []

    def test_a_file_system_that_cannot_flush_folders_is_tolerated(self, folder: Path) -> None:
        code = "durable.flush_folder(folder)"
        traced(code, folder, "-e", "inject=fsync:error=EINVAL:when=1")
        with pytest.raises(subprocess.CalledProcessError):
            traced(code, folder, "-e", "inject=fsync:error=EIO:when=1")

    def test_syncfs_reports_its_errors(self, folder: Path) -> None:
        with pytest.raises(subprocess.CalledProcessError):
            traced("durable.flush_filesystem(folder)", folder, "-e", "inject=syncfs:error=EIO:when=1")

    @pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
    def test_disk_errors_translates_a_full_disk_only(self, code: int) -> None:
        with pytest.raises(DiskFull, match="cannot write it") as caught, durable.disk_errors("write it"):
            raise OSError(code, os.strerror(code))
        assert isinstance(caught.value.__cause__, OSError)
        with pytest.raises(PermissionError), durable.disk_errors("write it"):
            raise PermissionError(errno.EACCES, "no")


class TestResults:
    def test_replaces_and_counts(self, folder: Path) -> None:
        assert durable.write_durably(folder / "x", [b"ab", memoryview(b"cd")]) == 4
        assert durable.write_durably(folder / "x", b"") == 0
        assert (folder / "x").read_bytes() == b""

    def test_writes_what_the_system_takes_in_parts(self, folder: Path) -> None:
        data = os.urandom(20 * 1024 * 1024 + 1)
        durable.write_durably(folder / "x", memoryview(data)[:].toreadonly().tobytes())
        assert (folder / "x").read_bytes() == data

    def test_remove_says_whether_there_was_one(self, folder: Path) -> None:
        (folder / "x").write_bytes(b"x")
        assert durable.remove_durably(folder / "x")
        assert not durable.remove_durably(folder / "x")
        assert not durable.remove_durably(folder / "no" / "x")

    def test_make_folders_may_be_repeated(self, folder: Path) -> None:
        wanted = folder / "a" / "b"
        assert durable.make_folders(wanted) == [folder / "a", wanted]
        assert durable.make_folders(wanted) == []

    def test_temporary_names_are_recognised(self, folder: Path) -> None:
        first, second = durable.temporary_beside(folder / "x"), durable.temporary_beside(folder / "x")
        assert first != second
        assert durable.is_temporary(first.name)
        assert not durable.is_temporary("x")
