"""``artstore storage adopt`` as people and programs use it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from artstore.cli import exits
from tests.support.archives import leave, tree


def adopt(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "artstore", "storage", "adopt", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "Old Archive (2019)"
    leave(root, "2024/01/15/10/отчёт.pdf", b"content")
    return root


def test_everything_fits(root: Path) -> None:
    done = adopt(root, "--mode", "ro")
    assert (done.returncode, done.stderr) == (exits.OK, "")
    assert "1 documents fit" in done.stdout
    assert "It is now the element old-archive-2019, mode ro." in done.stdout
    assert "was already" in adopt(root).stdout


def test_what_does_not_fit_is_told_and_is_the_exit_code(root: Path) -> None:
    leave(root, "2024/bad.txt", checksum="0" * 64)
    done = adopt(root, "--json", "--id", "a-1")
    assert done.returncode == exits.FAILED
    told = json.loads(done.stdout)
    assert (told["element_id"], told["fits"], told["changed"], told["documents"]) == ("a-1", False, True, 1)
    assert [(finding["code"], finding["path"]) for finding in told["findings"]] == [("D003", "2024/bad.txt")]
    assert all(finding["what"] and finding["advice"] for finding in told["findings"])


def test_a_trial_changes_nothing(root: Path) -> None:
    before = tree(root)
    done = adopt(root, "--dry-run")
    assert done.returncode == exits.OK
    assert "It would be the element" in done.stdout
    assert tree(root) == before


def test_what_cannot_be_adopted(root: Path, tmp_path: Path) -> None:
    done = adopt(tmp_path / "missing")
    assert done.returncode == exits.REJECTED
    assert "no such folder" in done.stderr
    adopt(root)
    assert adopt(root, "--id", "other").returncode == exits.REJECTED


def test_a_folder_without_a_name_for_an_element(root: Path) -> None:
    unnamed = root.rename(root.with_name("архив"))
    done = adopt(unnamed)
    assert done.returncode == exits.USAGE
    assert "--id" in done.stderr
