"""A system and its client, for the modules that want one for themselves and no more."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from artstore.launcher.settings import SystemSettings
from artstore.launcher.system import System
from artstore.sdk import Client, Profile
from tests.support.forking import fork_server
from tests.support.system import lift_rate_limit


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    settings = SystemSettings(default_ports={}, durable_database=False)
    folder = tmp_path_factory.mktemp("cli") / "data"
    with launched(System(folder, settings, fork_server=fork_server())) as system:
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


@contextmanager
def launched(system: System) -> Iterator[System]:
    """Runs meanwhile, is known to Admin, and lets as many commands be called as a test likes."""
    with system:
        lift_rate_limit(system)
        all_registered(system)
        yield system


def all_registered(system: System) -> None:
    """Until Admin has heard of the elements, some seconds after the start, it knows none to decide about."""
    ids = {element.element_id for element in system.settings.elements}
    with Client(system.folder.profile) as client:
        eventually(lambda: {each.element_id for each in client.elements()} == ids, "Admin knows no elements")
