"""The checker that shares no code with ours reads the same elements and comes to the same findings."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from artstore.engine import Engine
from tests.support.engines import options_of, store

REPOSITORY = Path(__file__).parents[3]
PROGRAM = REPOSITORY / "docs" / "format" / "check_element.py"
FIXTURES = REPOSITORY / "tests" / "fixtures" / "format"
SEEN_BY_IT = ["A001", "A003", "A006", "A007", "D001", "D002", "D003", "N001", "N002", "O001"]
"""The rules that it checks."""
SEEN_OTHERWISE = {
    "A002": ["A006"],
    "N003": [],
    "N004": [],
    "A004": ["A007"],
    "A005": [],
    "D004": [],
    "D005": [],
}
"""Rules about documents that are left to ``artstore verify``; too large attributes have no right seal,
and those of another version here none."""


def check(root: Path) -> tuple[list[str], bool, int]:
    """The codes that it reports, whether it tells of changes in the log, its exit code."""
    done = subprocess.run(
        [sys.executable, "-S", "-I", PROGRAM, root], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    return (
        [line[:4] for line in lines if not line.startswith("note: ")],
        any(line.startswith("note: wal/ holds changes") for line in lines),
        done.returncode,
    )


def fixture(code: str) -> Path:
    (root,) = FIXTURES.glob(f"{code}_*")
    return root


@pytest.mark.parametrize("code", SEEN_BY_IT)
def test_reports_the_same_code(code: str) -> None:
    assert check(fixture(code)) == ([code], False, 1)


@pytest.mark.parametrize("code", SEEN_OTHERWISE)
def test_leaves_some_to_the_other_checker(code: str) -> None:
    found, _, exit_code = check(fixture(code))
    assert found == SEEN_OTHERWISE[code]
    assert exit_code == bool(found)


@pytest.mark.parametrize(
    "name", ["clean", "clean_coded", "clean_new", "clean_offline", "clean_version_1", "clean_adopted"]
)
def test_finds_nothing_in_a_clean_element(name: str) -> None:
    assert check(FIXTURES / name) == ([], False, 0)


def test_tells_that_the_documents_lie_elsewhere() -> None:
    command = [sys.executable, "-S", "-I", str(PROGRAM), str(FIXTURES / "clean_store")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "note: the documents lie in an object store and were not checked" in done.stdout


async def test_names_as_long_as_a_file_system_takes(tmp_path: Path) -> None:
    engine = await Engine.open(tmp_path / "element", options_of())
    await store(engine, name="n" * 255)
    await engine.close()
    assert check(tmp_path / "element") == ([], False, 0)


def test_tells_that_the_log_holds_more() -> None:
    found, told, _ = check(FIXTURES / "clean_pending")
    assert told
    assert set(found) <= {"O001"}  # bytes whose attributes are in the log only


def test_is_short_and_uses_the_standard_library_alone() -> None:
    text = PROGRAM.read_text()
    assert len(text.splitlines()) <= 60
    imported = {
        (node.module or "") if isinstance(node, ast.ImportFrom) else node.names[0].name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert {name.split(".")[0] for name in imported} <= set(sys.stdlib_module_names)


def test_stands_in_the_documentation() -> None:
    assert PROGRAM.read_text() in (PROGRAM.parent / "README.md").read_text()
