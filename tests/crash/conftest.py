"""PostgreSQL, Redis and Admin for the crash tests of whole processes, kept running while elements die."""

from collections.abc import Iterator

import pytest

from tests.support.element_stand import ElementStand


@pytest.fixture(scope="session")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ElementStand]:
    stand = ElementStand(tmp_path_factory.mktemp("stand") / "data")
    try:
        stand.start()
        yield stand
    finally:
        stand.stop()
