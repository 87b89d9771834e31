"""The fixture that watches over a whole run; with pytest-xdist, over that of each worker."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.secrecy import meeting
from tests.support.secrecy.ledger import Ledger
from tests.support.secrecy.observing import Observer, heard
from tests.support.secrecy.searching import Finding, Searcher

FOLDER = "secrecy"
_TOLD_AT_MOST = 50
_SECRET_FILES = {"password", "superuser-password", "profile.json"}
_SECRET_FOLDER = "secrets"
# Documents and databases: neither logs nor files with secrets of systems, and many.
_LEFT_ALONE = {"elements", "files", "wal", "staging", "data.new", "base", "pg_wal", "__pycache__", ".venv"}


@pytest.fixture(scope="session", autouse=True)
def no_secret_is_told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Begins before all other fixtures and ends after them, when everything has been written."""
    below = tmp_path_factory.getbasetemp().resolve()
    ledger = Ledger()
    observer = Observer(ledger, below / FOLDER, below)
    with observer.at_work():
        yield
    found = findings(ledger, below)
    if found:
        told = "\n".join(map(str, found[:_TOLD_AT_MOST]))
        pytest.fail(f"{len(found)} secrets stand where none may:\n{told}", pytrace=False)


@pytest.hookimpl(trylast=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """What was printed or logged in the test process; at the teardown all of a test is there."""
    if report.when == "teardown":
        for title, text in report.sections:
            heard("output", f"{report.nodeid}: {title}\n{text}")


def findings(ledger: Ledger, below: Path) -> list[Finding]:
    """Learns from the files with secrets below a folder, then searches the logs there and all that was noted."""
    logs: list[Path] = []
    for folder, folders, names in os.walk(below):
        inside = set(Path(folder).parts[len(below.parts) :])
        folders[:] = [name for name in folders if name not in _LEFT_ALONE]
        for name in names:
            path = Path(folder) / name
            if path.is_symlink() or not path.is_file():
                continue
            if name in _SECRET_FILES or _SECRET_FOLDER in inside:
                meeting.in_file(ledger, path)
            elif name.endswith((".log", ".log.1")) or FOLDER in inside:
                logs.append(path)
    searcher = Searcher(ledger.kinds)
    return [finding for path in sorted(logs) for finding in searcher.search(path)]
