"""``artstore search``: find documents by words."""

from typing import TYPE_CHECKING, Annotated

import typer

from artstore.cli.options import AsJson, ProfileFile

if TYPE_CHECKING:
    from artstore.wire.documents import SearchHit


def register(app: typer.Typer) -> None:
    app.command("search", rich_help_panel="Documents")(search)


def search(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[WORDS…]", help="Words that must all be found; none: all.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many documents.")] = 20,
    profile: ProfileFile = None,
    as_json: AsJson = False,
) -> None:
    """Find documents by name, description, tags, attributes or author; the newest first.

    Nothing found is exit code 4.

    Example: artstore search договор 2025 --limit 50
    """
    from artstore.cli import exits
    from artstore.cli.output import print_json, print_table
    from artstore.sdk import Client

    with Client(profile) as client:
        found = list(client.search(" ".join(words or []), limit=limit))
    if as_json:
        for hit in found:
            print_json(hit)
    elif found:
        print_table(["id", "size", "stored", "element", "name"], [_row(hit) for hit in found])
    if not found:
        raise typer.Exit(exits.NOT_FOUND)


def _row(hit: "SearchHit") -> list[str]:
    from artstore.cli.output import size_word

    return [
        str(hit.file_id),
        size_word(hit.file_size),
        hit.created_at.strftime("%Y-%m-%d %H:%M"),
        hit.element_id,
        hit.original_filename,
    ]
