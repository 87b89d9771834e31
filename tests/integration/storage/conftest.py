"""Elements for the tests of their API: some shared by all tests, others for a module to take apart."""

from collections.abc import AsyncIterator, Iterator

import pytest

from artstore.launcher.settings import Element
from tests.support.elements import AtElement, running_elements
from tests.support.system import Account, RunningSystem

MIB = 1 << 20
_SOON = {"ARTSTORE_STORAGE_EXPIRY_SECONDS": "1"}


def _run(folder: pytest.TempPathFactory, name: str, *elements: Element) -> Iterator[RunningSystem]:
    system = running_elements(folder.mktemp(name), *elements)
    yield from system.for_a_while()


@pytest.fixture(scope="session")
def elements(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """For tests that leave processes and modes alone. What expires goes soon."""
    edit = [Element(name, "edit", _SOON) for name in ("edit-01", "edit-02")]
    yield from _run(tmp_path_factory, "elements", *edit, Element("rw-01", "rw"))


@pytest.fixture(scope="module")
def own_elements(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """For the tests of one module, which stop, kill and start parts, and leave all of them running."""
    yield from _run(tmp_path_factory, "own-elements", Element("edit-01", "edit"), Element("rw-01", "rw"))


@pytest.fixture(autouse=True)
async def checked(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """After every test that had elements, they break no rule of the format."""
    yield
    for name in ("elements", "own_elements"):
        if name in request.fixturenames:
            running: RunningSystem = request.getfixturevalue(name)
            await running.close_accounts()
            running.check_elements()


@pytest.fixture
async def account(elements: RunningSystem) -> Account:
    """A fresh USER."""
    return await elements.create_account()


@pytest.fixture
async def edit(account: Account) -> AtElement:
    """A fresh account at the element whose documents can be deleted."""
    return AtElement(account, "edit-01")


@pytest.fixture
async def rw(account: Account) -> AtElement:
    return AtElement(account, "rw-01")


@pytest.fixture
async def stranger(elements: RunningSystem) -> AtElement:
    """Another account at the same element as ``edit``."""
    return AtElement(await elements.create_account(), "edit-01")


@pytest.fixture
async def operator(elements: RunningSystem) -> AtElement:
    """Who runs the element, and sees everybody's documents."""
    return AtElement(await elements.create_account(role="ADMIN"), "edit-01")
