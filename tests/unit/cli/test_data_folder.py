"""What ``--data`` cannot be is said before anything starts."""

import sys
from pathlib import Path

import pytest

from artstore.cli import exits
from artstore.cli.main import _run


@pytest.mark.parametrize("command", ["up", "demo"])
@pytest.mark.parametrize("below", ["", "data", "a/b"])
def test_a_file_is_no_folder(
    command: str,
    below: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"mine")
    monkeypatch.setattr(sys, "argv", ["artstore", command, "--data", str(file / below)])
    monkeypatch.setenv("COLUMNS", "500")
    assert _run() == exits.USAGE
    said = capsys.readouterr().err
    assert f"{file} is no folder" in said
    assert "name a folder" in said
    assert file.read_bytes() == b"mine"


def test_a_link_that_leads_nowhere_is_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "l").symlink_to(tmp_path / "nowhere")
    monkeypatch.setattr(sys, "argv", ["artstore", "up", "--data", str(tmp_path / "l")])
    assert _run() == exits.USAGE
