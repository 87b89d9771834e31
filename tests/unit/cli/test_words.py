"""How things are read from and shown on the command line."""

from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
import typer

from artstore.attributes import RetentionPolicy
from artstore.cli import archive, export, put, search, search_options, suggest
from artstore.cli.marked import Marked
from artstore.cli.output import clean, size_word
from artstore.cli.search_options import SearchCommand, Tag, Words
from artstore.cli.up import _element_ports
from artstore.launcher.demo.documents import files_below, make_large_file
from artstore.sdk.searches import SearchOptions
from artstore.wire.search import ExportFormat, SearchBasis, SearchMode, SearchSort
from artstore.wire.suggestions import SuggestionKind


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


@pytest.mark.parametrize(
    ("command", "option", "known"),
    [
        (search.search, "mode", SearchMode),
        (search.search, "sort", SearchSort),
        (archive.archive, "sort", SearchSort),
        (export.export, "mode", SearchMode),
        (export.export, "sort", SearchSort),
        (export.export, "format", ExportFormat),
        (suggest.suggest, "kinds", SuggestionKind),
        (search.search, "retention", RetentionPolicy),
    ],
)
def test_an_option_offers_every_value(
    command: Callable[..., None], option: str, known: type[StrEnum]
) -> None:
    def offered(annotation: Any) -> Iterator[str]:
        for inner in get_args(annotation):
            if isinstance(inner, str):
                yield inner
            elif isinstance(inner, type) and issubclass(inner, StrEnum):
                yield from inner
            else:
                yield from offered(inner)

    annotation = get_type_hints(command)[option]
    assert set(offered(annotation)) == {one.value for one in known}


@pytest.mark.parametrize("command", [search.search, export.export, archive.archive])
def test_options_have_the_names_of_the_parameters(command: Callable[..., None]) -> None:
    asked = {*SearchBasis.model_fields, "attribute"} - {"q"}
    assert asked <= set(get_type_hints(command))
    assert set(get_type_hints(SearchOptions)) == asked


def question_of(*arguments: str, **options: Any) -> str:
    """What is searched for, after the options have been taken out; some of them are looked at."""
    found: dict[str, Any] = {}
    app = typer.Typer()
    app.command(cls=SearchCommand)(lambda: None)

    @app.command("search", cls=SearchCommand)
    def run(words: Words = None, tag: Tag = None, output: str = typer.Option("", "--output", "-o")) -> None:
        found.update(q=search_options.question(words), tag=tag, output=output)

    assert app(["search", *arguments], standalone_mode=False) in (None, 0)
    assert options == {name: found[name] for name in options}
    return str(found["q"])


class TestMinus:
    @pytest.mark.parametrize(
        ("arguments", "q"),
        [
            (["-draft"], "-draft"),
            (["договор", "-draft", "or", "-h2"], "договор -draft or -h2"),
            (['-"first draft"', "-hidden"], '-"first draft" -hidden'),
            (["--", "-draft", "--tag", "-h"], "-draft --tag -h"),
            (["-", "a"], "- a"),
            (["-17"], "-17"),
            ([], ""),
        ],
    )
    def test_is_part_of_a_question(self, arguments: list[str], q: str) -> None:
        assert question_of(*arguments) == q

    def test_of_a_value_stays_where_it_is(self) -> None:
        assert question_of("--tag", "-x", "a", "--tag=-y", "-o", "-z", tag=["-x", "-y"], output="-z") == "a"

    @pytest.mark.parametrize("arguments", [["--draft"], ["--tga", "x"], ["--tag"]])
    def test_of_a_misspelt_option_is_refused(self, arguments: list[str]) -> None:
        with pytest.raises(Exception, match=r"(No such option|requires an argument)"):
            question_of(*arguments)


class TestMarked:
    def test_parts_are_marked_and_harmless(self) -> None:
        cell = Marked(
            [[("[b]a\x1b[31m ", False), ("<i>found</i>\u202e", True)], [("tags.0: ", False), ("x", True)]]
        )
        assert cell.plain() == "[b]a\ufffd[31m <i>found</i>\ufffd | tags.0: x"
        shown = cell.rich()
        assert shown.plain == "[b]a\ufffd[31m <i>found</i>\ufffd\ntags.0: x"
        assert [shown.plain[span.start : span.end] for span in shown.spans] == ["<i>found</i>\ufffd", "x"]


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
