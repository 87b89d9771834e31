"""What the help and the documentation say is what there is."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from artstore.cli import exits
from artstore.cli.app import app
from artstore.cli.serve import SERVICES

PAGE = (Path(__file__).parents[3] / "docs" / "cli.md").read_text(encoding="utf-8")


def commands(group: object, path: str = "artstore") -> Iterator[tuple[str, TyperCommand]]:
    if isinstance(group, TyperGroup):
        for name, command in group.commands.items():
            yield from commands(command, f"{path} {name}")
    else:
        assert isinstance(group, TyperCommand)
        yield path, group


COMMANDS = dict(commands(typer.main.get_command(app)))


ACCOUNT_COMMANDS = (
    *("create", "list", "show", "set", "suspend", "activate", "delete", "restore", "trail"),
    *("rotate-secret", "end-secret", "grant", "revoke-grant", "grants"),
)


def test_these_are_the_commands() -> None:
    assert {name.removeprefix("artstore ") for name in COMMANDS} == {
        *("up", "demo", "put", "get", "search", "export", "suggest", "info", "versions", "verify"),
        *("extend", "hold", "release", "transfer", "link", "links", "unlink", "archive"),
        *(f"transaction {act}" for act in ("list", "show", "retry", "compensate")),
        *(f"elements {act}" for act in ("list", "show", "register", "set", "drain", "activate", "retire")),
        *("elements statistics", "key list", "key rotate", "key revoke"),
        *(f"account {name}" for name in ACCOUNT_COMMANDS),
        *("storage adopt", "storage rebuild", "storage scrub", "query rebuild"),
        *("audit verify", "audit checkpoint", "audit key", "admin migrate"),
        *(f"{service} serve" for service in SERVICES),
        *(f"admin user {what}" for what in ("create", "list", "reset-password", "unlock")),
    }


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_an_example_and_every_option_is_explained(name: str) -> None:
    command = COMMANDS[name]
    assert f"Example: {name}" in (command.help or "")
    for parameter in command.params:
        if parameter.name not in ("help", "description") and isinstance(parameter, TyperOption):
            assert parameter.help, parameter.name


@pytest.mark.parametrize("name", COMMANDS)
def test_the_page_tells_of_the_command_and_its_options(name: str) -> None:
    assert f"`{name}`" in PAGE
    section = PAGE.partition(f"### `{name}`")[2].partition("\n##")[0]
    for parameter in COMMANDS[name].params:
        if isinstance(parameter, TyperOption) and parameter.name != "help":
            assert any(f"`{option}" in section for option in parameter.opts), parameter.opts


@pytest.mark.parametrize("code", exits.MEANINGS)
def test_the_page_tells_of_the_exit_code(code: int) -> None:
    assert f"| {code} |" in PAGE


def modules_after(code: str) -> set[str]:
    found = subprocess.run(
        [sys.executable, "-c", f"{code}; import sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(found.stdout.split())


def test_help_loads_nothing_heavy() -> None:
    loaded = modules_after("import artstore.cli.app")
    assert loaded.isdisjoint({"httpx", "pydantic", "fastapi", "sqlalchemy", "anyio", "rich.progress"})


def test_a_service_starts_past_the_command_line() -> None:
    loaded = modules_after("import artstore.cli.main, artstore.cli.serve")
    assert loaded.isdisjoint({"typer", "rich", "click", "httpx"})
