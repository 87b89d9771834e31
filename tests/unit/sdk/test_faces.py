"""The two clients have the same methods with the same parameters; the package loads late."""

import inspect
import subprocess
import sys

import pytest

import artstore
from artstore.sdk import AsyncClient, Client
from artstore.sdk import __all__ as exported
from artstore.sdk.accounts import AsyncAccounts
from artstore.sdk.accounts_front import Accounts
from artstore.sdk.archives import Archives, AsyncArchives
from artstore.sdk.keys import AsyncKeys, Keys
from artstore.sdk.links import AsyncLinks, Links
from artstore.sdk.registry import AsyncRegistry, Registry
from artstore.sdk.transactions import AsyncTransactions, Transactions


def methods(found: type) -> dict[str, inspect.Signature]:
    return {
        name: inspect.signature(member)
        for name, member in vars(found).items()
        if not name.startswith("_") and callable(member)
    }


FACES: list[tuple[type, type]] = [
    (AsyncClient, Client),
    (AsyncKeys, Keys),
    (AsyncRegistry, Registry),
    (AsyncAccounts, Accounts),
    (AsyncTransactions, Transactions),
    (AsyncLinks, Links),
    (AsyncArchives, Archives),
]


@pytest.mark.parametrize(("asynchronous", "synchronous"), FACES)
def test_same_methods(asynchronous: type, synchronous: type) -> None:
    one, other = methods(asynchronous), methods(synchronous)
    assert one.keys() == other.keys()
    for name, signature in one.items():
        assert signature.parameters == other[name].parameters, name


def test_same_construction() -> None:
    assert inspect.signature(AsyncClient).parameters == inspect.signature(Client).parameters


def test_every_method_is_documented() -> None:
    for found in (face for faces in FACES for face in faces):
        for name in methods(found):
            assert getattr(found, name).__doc__, name


def test_exported() -> None:
    assert artstore.Client is Client
    assert artstore.AsyncClient is AsyncClient
    for name in exported:
        assert getattr(artstore.sdk, name)


def test_a_service_does_not_load_the_client() -> None:
    code = "import sys, artstore, artstore.sdk; print([m for m in ('httpx', 'pydantic') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
