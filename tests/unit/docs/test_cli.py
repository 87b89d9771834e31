"""The page on the command line tells of no command and no option that is not there.

That it tells of all of them is what ``tests/unit/cli/test_help.py`` holds.
"""

import re
from collections.abc import Iterator

import pytest
import typer
from typer.core import TyperCommand, TyperGroup

from artstore.cli.app import app
from tests.support import pages

PAGE = pages.read("cli.md")


def commands(group: object, path: str = "artstore") -> Iterator[tuple[str, TyperCommand]]:
    if isinstance(group, TyperGroup):
        for name, command in group.commands.items():
            yield from commands(command, f"{path} {name}")
    else:
        assert isinstance(group, TyperCommand)
        yield path, group


COMMANDS = dict(commands(typer.main.get_command(app)))
HEADINGS = re.findall(r"^### `(artstore [a-z ]+)`$", PAGE, re.MULTILINE)


def test_every_heading_is_a_command() -> None:
    assert set(HEADINGS) <= set(COMMANDS)
    assert len(HEADINGS) == len(set(HEADINGS))


@pytest.mark.parametrize("command", HEADINGS)
def test_every_option_that_is_told_is_there(command: str) -> None:
    section = PAGE.partition(f"### `{command}`")[2].partition("\n##")[0]
    there = {
        spelling
        for parameter in COMMANDS[command].params
        for spelling in (*parameter.opts, *parameter.secondary_opts)
    }
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", section)) <= there


@pytest.mark.parametrize("page", pages.pages(), ids=str)
def test_every_command_that_a_page_names_is_there(page: object) -> None:
    text = (pages.ROOT / str(page)).read_text(encoding="utf-8")
    known = {name.removeprefix("artstore ").split()[0] for name in COMMANDS}
    named = re.findall(r"(?:`|^|\.venv/bin/|; )artstore ([a-z]+)", text, re.MULTILINE)
    assert set(named) <= known
