"""``artstore versions``: list the versions of a document."""

from typing import TYPE_CHECKING, Annotated

import typer

from artstore.cli.options import AsJson, ProfileFile

if TYPE_CHECKING:
    from artstore.wire.documents import SearchHit


def register(app: typer.Typer) -> None:
    app.command("versions", rich_help_panel="Documents")(versions)


def versions(
    file_id: Annotated[str, typer.Argument(metavar="ID", help="Of any version of the document.")],
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many versions.")] = None,
    profile: ProfileFile = None,
    as_json: AsJson = False,
) -> None:
    """List the versions of a document; the newest first.

    Example: artstore versions 019ab1f2-7c3e-7d10-a1b2-c3d4e5f60718
    """
    from artstore.cli.output import print_json, print_table
    from artstore.sdk import Client

    with Client(profile) as client:
        found = list(client.versions(file_id, limit=limit))
    if as_json:
        for hit in found:
            print_json(hit)
    else:
        print_table(["id", "size", "stored", "version", "name"], [_row(hit) for hit in found])


def _row(hit: "SearchHit") -> list[str]:
    from artstore.cli.output import size_word

    return [
        str(hit.file_id),
        size_word(hit.file_size),
        hit.created_at.strftime("%Y-%m-%d %H:%M"),
        hit.version or "",
        hit.original_filename,
    ]
