"""A system and its client, for the modules that want one for themselves and no more."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from artstore.launcher.settings import SystemSettings
from artstore.launcher.system import System
from artstore.sdk import Client, Profile
from tests.support.forking import fork_server


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    settings = SystemSettings(default_ports={}, durable_database=False)
    with System(tmp_path_factory.mktemp("cli") / "data", settings, fork_server=fork_server()) as system:
        yield system.folder.profile


@pytest.fixture
def client(profile: Path) -> Iterator[Client]:
    with Client(Profile.load(profile)) as client:
        yield client


def eventually(holds: Callable[[], bool], otherwise: str) -> None:
    """Query tells of a change once the catalog has followed its event."""
    until = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < until, otherwise
        time.sleep(0.05)
