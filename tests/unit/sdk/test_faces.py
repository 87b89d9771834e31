"""The two clients have the same methods with the same parameters; the package loads late."""

import inspect
import subprocess
import sys

import artstore
from artstore.sdk import AsyncClient, Client
from artstore.sdk import __all__ as exported


def methods(found: type) -> dict[str, inspect.Signature]:
    return {
        name: inspect.signature(member)
        for name, member in inspect.getmembers(found, callable)
        if not name.startswith("_")
    }


def _without_self(signature: inspect.Signature) -> list[inspect.Parameter]:
    return [parameter for name, parameter in signature.parameters.items() if name != "self"]


def test_same_methods() -> None:
    asynchronous, synchronous = methods(AsyncClient), methods(Client)
    assert asynchronous.keys() == synchronous.keys()
    for name, signature in asynchronous.items():
        assert _without_self(signature) == _without_self(synchronous[name]), name
    assert inspect.signature(AsyncClient).parameters == inspect.signature(Client).parameters


def test_every_method_is_documented() -> None:
    for found in (AsyncClient, Client):
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
