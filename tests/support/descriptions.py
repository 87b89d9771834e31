"""The applications of the four services, made without starting them, and the descriptions of their APIs.

``python -m tests.support.descriptions`` writes ``docs/openapi/*.json`` anew.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from tests.support.pages import DOCS

SERVICES = ("admin", "storage", "ingester", "query")
FOLDER = DOCS / "openapi"

_COMMON = {"PORT": "8000", "REDIS_URL": "redis://127.0.0.1:6379", "ADMIN_URL": "http://127.0.0.1:8000"}
_DATABASE = {"DATABASE_URL": "postgresql+psycopg://artstore@127.0.0.1/artstore"}
_OWN: dict[str, dict[str, str]] = {
    "admin": _DATABASE
    | {
        "KEY_PASSPHRASE": "no key is made with this",
        "INITIAL_CLIENT_ID": "artstore-initial",
        "INITIAL_CLIENT_SECRET": "nobody-logs-in-with-this",
        "SERVICE_CLIENT_ID": "artstore-services",
        "SERVICE_CLIENT_SECRET": "nor-does-anybody-with-that",
    },
    "storage": _DATABASE | {"ELEMENT_ID": "rw-01", "MODE": "rw", "ROOT": "/nowhere"},
    "ingester": _DATABASE,
    "query": _DATABASE | {"CLIENT_ID": "artstore-services", "CLIENT_SECRET": "nor-with-this-one"},
}


def application(service: str) -> FastAPI:
    """The application of a service as its process has it. Nothing is opened, connected or made."""
    settings = {
        f"ARTSTORE_{service.upper()}_{name}": value for name, value in (_COMMON | _OWN[service]).items()
    }
    with _environment(settings):
        made: FastAPI = import_module(f"artstore.{service}.app").create_app()
    return made


@cache
def description(service: str) -> dict[str, Any]:
    """What the service answers at ``/openapi.json``; not to be changed."""
    described: dict[str, Any] = application(service).openapi()
    return described


def file_of(service: str) -> Path:
    return FOLDER / f"{service}.json"


def as_text(described: dict[str, Any]) -> str:
    """One member on a line, in the order of the alphabet, so that a change is a small difference."""
    return json.dumps(described, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """These variables and no others of ArtStore's, until the block ends."""
    before = {name: value for name, value in os.environ.items() if name.startswith("ARTSTORE_")}
    for name in before:
        del os.environ[name]
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            del os.environ[name]
        os.environ.update(before)


def _write() -> None:
    FOLDER.mkdir(exist_ok=True)
    for service in SERVICES:
        file_of(service).write_text(as_text(description(service)), encoding="utf-8")


if __name__ == "__main__":
    _write()
