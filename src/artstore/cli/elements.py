"""``artstore elements``: the storage elements and their state."""

from typing import TYPE_CHECKING

import typer

from artstore.cli.options import AsJson, ProfileFile

if TYPE_CHECKING:
    from artstore.wire.elements import ElementAnnouncement


def register(app: typer.Typer) -> None:
    app.command("elements", rich_help_panel="Systems")(elements)


def elements(profile: ProfileFile = None, as_json: AsJson = False) -> None:
    """List the storage elements with mode, room and health.

    Example: artstore elements
    """
    from artstore.cli.output import print_json, print_table, size_word
    from artstore.sdk import Client

    with Client(profile) as client:
        found = client.elements()
    if as_json:
        for element in found:
            print_json(element)
        return
    print_table(
        ["id", "mode", "health", "documents", "used", "free", "room", "address"],
        [
            [
                element.element_id,
                element.mode,
                _health(element),
                str(element.documents),
                size_word(element.used_bytes),
                size_word(element.free_bytes),
                element.capacity_status,
                element.url,
            ]
            for element in found
        ],
    )


def _health(element: "ElementAnnouncement") -> str:
    found = element.open_findings
    return f"{element.health}, {found} finding{'' if found == 1 else 's'}" if found else element.health
