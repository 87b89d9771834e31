"""Where what is fetched goes: what is replaced, and what is only written to."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from artstore.sdk.targets import followed, is_replaced, opened

WRITES = """
import sys
from pathlib import Path
from artstore.sdk.targets import followed, is_replaced, opened
target = followed(Path(sys.argv[1]))
assert not is_replaced(target)
with opened(target) as file:
    file.write(b"fetched\\n")
"""


def shell(folder: Path, command: str) -> str:
    """What a command of the shell says, in which $WRITE writes to the file that is named."""
    (folder / "write.py").write_text(WRITES)
    environment = os.environ | {"WRITE": f"{sys.executable} {folder / 'write.py'}"}
    done = subprocess.run(
        ["bash", "-c", command],
        check=False,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "out"])
class TestStandardOutput:
    """By each of its names, and by a link to it."""

    @pytest.fixture(autouse=True)
    def link(self, tmp_path: Path) -> None:
        (tmp_path / "out").symlink_to("/dev/stdout")

    def test_is_a_pipe(self, tmp_path: Path, name: str) -> None:
        assert shell(tmp_path, f"$WRITE {name} | cat") == "fetched\n"

    def test_is_a_file_that_others_go_on_with(self, tmp_path: Path, name: str) -> None:
        shell(tmp_path, f"(echo before; $WRITE {name}; echo after) > all")
        assert (tmp_path / "all").read_text() == "before\nfetched\nafter\n"

    def test_is_the_end_of_a_file(self, tmp_path: Path, name: str) -> None:
        (tmp_path / "all").write_text("first\n")
        shell(tmp_path, f"$WRITE {name} >> all")
        assert (tmp_path / "all").read_text() == "first\nfetched\n"


def test_another_process(tmp_path: Path) -> None:
    assert shell(tmp_path, "$WRITE >(cat) | cat") == "fetched\n"


def test_a_device() -> None:
    assert not is_replaced(followed(Path("/dev/null")))
    with opened(Path("/dev/null")) as file:
        file.write(b"fetched")


def test_a_link_stays_and_its_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "file")
    for _ in range(2):
        target = followed(tmp_path / "link")
        assert target == tmp_path / "file"
        assert is_replaced(target)
        target.write_bytes(b"there")


def test_links_that_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(OSError, match="links"):
        followed(tmp_path / "a").open("wb")


def test_a_file_that_is_named_like_a_descriptor(tmp_path: Path) -> None:
    (tmp_path / "1").write_bytes(b"there")
    assert is_replaced(followed(tmp_path / "1"))
