"""A small disk of its own for an element, which a test can fill and free again."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class SmallDisk:
    """A tmpfs at ``folder``. It says and does what any disk does that is full (ENOSPC, statvfs)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """To the last byte, with a file that nobody else knows of, while others may write."""
        descriptor = os.open(self._ballast, os.O_WRONLY | os.O_CREAT)
        size = 0
        try:
            while found := os.statvfs(self.folder).f_bavail:
                with suppress(OSError):  # somebody took some of it meanwhile
                    os.posix_fallocate(descriptor, size, found * os.statvfs(self.folder).f_frsize)
                size = os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)
        assert os.statvfs(self.folder).f_bavail == 0

    def free(self) -> None:
        self._ballast.unlink(missing_ok=True)


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[SmallDisk]:
    """Needs the right to mount, which root has in most containers."""
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True, timeout=30)
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True, timeout=30)
