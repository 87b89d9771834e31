"""The data folder: what lies where, and the lock that keeps a second launcher out of it.

::

    DIR/
      profile.json   addresses and an account, for the CLI and the SDK     ports.json   the ports chosen
      elements/ID/   the root of each storage element: the documents       secrets/     generated once
      postgres/  redis/   the embedded servers      logs/   one file for each process      run/   working
      folders
"""

import fcntl
import os
from pathlib import Path

from artstore.launcher.errors import DataFolderInUse
from artstore.launcher.private import private_folder


class DataFolder:
    """Paths below one data folder, which is closed to others when it is made. Made on first use."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock: int | None = None

    def take(self) -> None:
        """Locks the folder until ``release`` or the end of the process. Raises DataFolderInUse."""
        private_folder(self.path)
        lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise DataFolderInUse(self.path) from None
        self._lock = lock

    def release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @property
    def profile(self) -> Path:
        return self.path / "profile.json"

    @property
    def ports(self) -> Path:
        return self.path / "ports.json"

    @property
    def elements(self) -> Path:
        return self.path / "elements"

    def element_root(self, element_id: str) -> Path:
        return self.elements / element_id

    def log(self, name: str) -> Path:
        return private_folder(self.path / "logs") / f"{name}.log"

    def run(self, name: str) -> Path:
        return private_folder(self.path / "run") / name

    def secret_file(self, name: str) -> Path:
        return private_folder(self.path / "secrets") / name

    @property
    def initial_admin_password(self) -> Path:
        """The password of the first login of a person, generated once. It may be another one by now."""
        return self.secret_file("initial-admin-password")

    def secrets_of(self, service: str) -> Path:
        """The folder of the secrets that one service is given, so that none sees what it does not need."""
        return private_folder(private_folder(self.path / "secrets") / service)
