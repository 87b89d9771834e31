"""``artstore suggest``: what the beginning of a word may become."""

from enum import StrEnum
from typing import Annotated

import typer

from artstore.cli.options import AsJson, ProfileFile


class Kind(StrEnum):
    """Those of ``wire.suggestions``, which would take its time to load for a help text."""

    NAME = "name"
    TAG = "tag"
    ATTRIBUTE = "attribute"
    VALUE = "value"


def register(app: typer.Typer) -> None:
    app.command("suggest", rich_help_panel="Documents")(suggest)


def suggest(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What was typed, two letters at least.")],
    kinds: Annotated[list[Kind] | None, typer.Option(help="Only these; may be repeated.")] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, max=100, help="At most so many; 10 if not given.")
    ] = None,
    profile: ProfileFile = None,
    as_json: AsJson = False,
) -> None:
    """Complete what somebody is typing: file names, tags, attributes and their values.

    Nothing to suggest is exit code 4.

    Example: artstore suggest дог --kinds tag
    """
    from artstore.cli import exits
    from artstore.cli.output import print_json, print_table
    from artstore.sdk import Client

    with Client(profile) as client:
        found = client.suggest(text, kinds=kinds or (), limit=limit)
    if as_json:
        for one in found:
            print_json(one)
    elif found:
        print_table(["kind", "text"], [[one.kind.value, one.text] for one in found])
    if not found:
        raise typer.Exit(exits.NOT_FOUND)
