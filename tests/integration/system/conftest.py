"""Systems for the tests of the whole: one for all, one to be taken apart, one that is soon full."""

from collections.abc import AsyncIterator, Iterator

import pytest

from artstore.launcher.settings import ELEMENTS, Element, SystemSettings
from tests.support.system import Account, RunningSystem

MIB = 1 << 20
RATE_LIMIT_FACTOR = 50
_SERVICES = ("ADMIN", "INGESTER", "QUERY", "STORAGE")
_MANY_BATCHES = {"ARTSTORE_STORAGE_BATCHES": "10000"}
_FORGIVING = {
    "ARTSTORE_ADMIN_AUTH_FAILURES": "0",
    "ARTSTORE_ADMIN_AUTH_ADDRESS_FAILURES": "0",
    **_MANY_BATCHES,
    **{f"ARTSTORE_{service}_RATE_LIMIT_FAILURES": "0" for service in _SERVICES},
}


def _running(
    folder: pytest.TempPathFactory,
    name: str,
    environment: dict[str, str],
    elements: tuple[Element, ...] = ELEMENTS,
) -> Iterator[RunningSystem]:
    settings = SystemSettings(
        default_ports={}, environment=environment, durable_database=False, elements=elements
    )
    system = RunningSystem(folder.mktemp(name), settings)
    yield from system.for_a_while()


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """Shared by all tests that leave the processes alone. New keys sign soon, so that some may follow another;
    an account may ask each service 50 times as often as it may ask for tokens, and Redis is given time to count
    that on a busy machine. All that fails on purpose comes from one address, which may.
    """
    environment = _FORGIVING | {
        "ARTSTORE_ADMIN_KEY_LEAD_SECONDS": "2",
        "ARTSTORE_STORAGE_EXPIRY_SECONDS": "1",
    }
    for service in _SERVICES:
        environment[f"ARTSTORE_{service}_RATE_LIMIT_FACTOR"] = str(RATE_LIMIT_FACTOR)
        environment[f"ARTSTORE_{service}_RATE_LIMIT_WAIT_SECONDS"] = "5"
    yield from _running(tmp_path_factory, "system", environment)


@pytest.fixture(scope="module")
def own_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """For the tests of one module, which stop, kill and start its parts, and leave all of them running."""
    yield from _running(tmp_path_factory, "own-system", _MANY_BATCHES)


@pytest.fixture(scope="module")
def small_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """Elements of 16 MiB, files of at most 4 MiB."""
    limits = {
        "ARTSTORE_STORAGE_CAPACITY_BYTES": str(16 * MIB),
        "ARTSTORE_STORAGE_MAX_FILE_BYTES": str(4 * MIB),
        "ARTSTORE_INGESTER_MAX_FILE_BYTES": str(4 * MIB),
    }
    yield from _running(tmp_path_factory, "small-system", limits)


@pytest.fixture(scope="module")
def patient_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """For thousands of requests to every part of it: who is logged in stays so for an hour, and whatever fails
    may fail as often as it likes.
    """
    environment = _FORGIVING | {"ARTSTORE_ADMIN_LOGIN_TOKEN_SECONDS": "3600"}
    yield from _running(tmp_path_factory, "patient-system", environment)


@pytest.fixture(scope="module")
def wide_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """For the tests of one module, with somewhere to move documents to. Placement fills the first element."""
    elements = (*ELEMENTS, Element("edit-02", "edit"))
    yield from _running(tmp_path_factory, "wide-system", _MANY_BATCHES, elements)


_SYSTEMS = ("system", "own_system", "small_system", "patient_system", "wide_system")


@pytest.fixture(autouse=True)
async def checked(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """After every test that had a system, its elements break no rule of the format."""
    yield
    for name in _SYSTEMS:
        if name in request.fixturenames:
            running: RunningSystem = request.getfixturevalue(name)
            await running.close_accounts()
            running.check_elements()


@pytest.fixture
async def account(system: RunningSystem) -> Account:
    """A fresh USER."""
    return await system.create_account()


@pytest.fixture
async def other_account(system: RunningSystem) -> Account:
    return await system.create_account()


@pytest.fixture
async def readonly(system: RunningSystem) -> Account:
    return await system.create_account(role="READONLY")


@pytest.fixture
async def admin(system: RunningSystem) -> Account:
    return await system.administrator()
