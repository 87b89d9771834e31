"""What holds for all tests."""

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.support.examples import EXAMPLES_VARIABLE
from tests.support.swift import Swift

settings.register_profile(
    "artstore",
    # A busy machine is no failure.
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    # A change is judged by what it did, not by what was found this time; a longer run is for finding something new.
    derandomize=EXAMPLES_VARIABLE not in os.environ,
    max_examples=int(os.environ.get(EXAMPLES_VARIABLE, "100")),
)
settings.load_profile("artstore")

pytest_plugins = ["tests.support.secrecy.plugin"]


def pytest_configure() -> None:
    """Signals that tests send mean what they mean to whoever starts a program at a terminal.

    Whoever runs the tests in the background, or under nohup, has SIGINT or SIGHUP ignored, which every process
    that a test starts would inherit.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def swift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Swift]:
    """One S3 server for all who ask. Who takes it away brings it back."""
    server = Swift(tmp_path_factory.mktemp("swift"))
    try:
        server.start()
        yield server
    finally:
        server.stop()
