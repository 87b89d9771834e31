"""``artstore extend|hold|release``: how long a document is kept."""

from typing import TYPE_CHECKING, Annotated

import typer

from artstore.cli.options import AsJson, ProfileFile

if TYPE_CHECKING:
    from artstore.wire.documents import Document

_FileId = Annotated[str, typer.Argument(metavar="ID", help="The file_id of the document.")]


def register(app: typer.Typer) -> None:
    for command in (extend, hold, release):
        app.command(command.__name__, rich_help_panel="Documents")(command)


def extend(
    file_id: _FileId,
    ttl_days: Annotated[
        int, typer.Option("--ttl-days", min=1, max=365, metavar="N", help="How many days from now.")
    ],
    profile: ProfileFile = None,
    as_json: AsJson = False,
) -> None:
    """Keep a temporary document longer; never shorter.

    Example: artstore extend 0193a5b0-7c1e-7000-8000-5a3f1b2c4d5e --ttl-days 90
    """
    from artstore.sdk import Client

    with Client(profile) as client:
        document = client.extend(file_id, ttl_days)
    _show(document, f"kept until {document.expires_at:%Y-%m-%d %H:%M:%S} UTC", as_json)


def hold(
    file_id: _FileId,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; it stands in the audit trail.")],
    profile: ProfileFile = None,
    as_json: AsJson = False,
) -> None:
    """Put a document under a legal hold: nobody deletes it, and it does not expire.

    Example: artstore hold 0193a5b0-7c1e-7000-8000-5a3f1b2c4d5e --reason "case 12/26"
    """
    from artstore.sdk import Client

    with Client(profile) as client:
        document = client.hold(file_id, reason)
    _show(document, "held until it is released", as_json)


def release(file_id: _FileId, profile: ProfileFile = None) -> None:
    """Release a document from its legal hold.

    Example: artstore release 0193a5b0-7c1e-7000-8000-5a3f1b2c4d5e
    """
    from artstore.cli.output import clean
    from artstore.sdk import Client

    with Client(profile) as client:
        client.release(file_id)
    print(f"{clean(file_id)}  released")


def _show(document: "Document", said: str, as_json: bool) -> None:
    from artstore.cli.output import print_json

    if as_json:
        print_json(document)
    else:
        print(f"{document.file_id}  {said}")
