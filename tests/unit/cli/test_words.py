"""How things are read from and shown on the command line."""

from pathlib import Path
from typing import get_args, get_type_hints

import pytest
import typer

from artstore.attributes import RetentionPolicy
from artstore.cli import put
from artstore.cli.output import clean, size_word
from artstore.cli.up import _element_ports
from artstore.launcher.demo.documents import files_below, make_large_file


@pytest.mark.parametrize(
    ("size", "word"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1_500_000, "1.5 MB"),
        (999_960, "1.0 MB"),
        (300_000_000, "300.0 MB"),
        (2e15, "2000.0 TB"),
    ],
)
def test_size_word(size: float, word: str) -> None:
    assert size_word(size) == word


@pytest.mark.parametrize(
    ("text", "shown"),
    [("отчёт 报告.pdf", "отчёт 报告.pdf"), ("a\x1b[31mb", "a\ufffd[31mb"), ("a\nb\u202e", "a\ufffdb\ufffd")],
)
def test_nothing_of_a_client_reaches_the_terminal_raw(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_attributes_are_text_unless_they_are_said_to_be_json() -> None:
    given = ["year=2025", "n:=2025", "list:=[1, null]", "empty=", "eq=a=b"]
    assert put._attributes(given) == {
        "year": "2025",
        "n": 2025,
        "list": [1, None],
        "empty": "",
        "eq": "a=b",
    }
    assert put._attributes([]) is None


@pytest.mark.parametrize("text", ["year", "=2025", ":=1", "n:={"])
def test_attributes_that_are_none(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        put._attributes([text])


def test_retention_offers_every_policy() -> None:
    annotation = get_type_hints(put.put, include_extras=False)["retention"]
    offered = {value for choice in get_args(annotation) for value in get_args(choice)}
    assert offered == {policy.value for policy in RetentionPolicy}


def test_folders_need_to_be_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "two.txt").touch()
    (tmp_path / "one.txt").touch()
    with pytest.raises(typer.BadParameter, match="-r"):
        list(put._files([tmp_path], False))
    found = list(put._files([tmp_path / "one.txt", tmp_path], True))
    assert [path.name for path in found] == ["one.txt", "one.txt", "two.txt"]


def test_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "round").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "file").touch()
    (tmp_path / "linked").symlink_to(tmp_path / "file")
    assert [path.name for path in files_below(tmp_path)] == ["file", "linked"]


def test_a_folder_that_cannot_be_listed_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(files_below(tmp_path / "missing"))


def test_the_large_file_has_its_size(tmp_path: Path) -> None:
    assert make_large_file(tmp_path, 2_500_000).stat().st_size == 2_500_000


@pytest.mark.parametrize("text", ["rw-01", "rw-01=", "rw-01=x", "rw-01=70000", "ro-99=8000", "=8000"])
def test_ports_of_elements(text: str) -> None:
    assert _element_ports(["rw-01=8011"]) == {"rw-01": 8011}
    with pytest.raises(typer.BadParameter):
        _element_ports([text])
