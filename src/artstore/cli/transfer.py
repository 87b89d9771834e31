"""``artstore transfer``: move a document from one element to another."""

from typing import Annotated

import typer

from artstore.cli.options import AsJson, ProfileFile


def register(app: typer.Typer) -> None:
    app.command("transfer", rich_help_panel="Systems")(transfer)


def transfer(
    file_id: Annotated[str, typer.Argument(metavar="ID", help="The file_id of the document.")],
    to: Annotated[str, typer.Option("--to", metavar="ELEMENT", help="The element, of mode edit.")],
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Until the document is there, or only until that began.")
    ] = True,
    profile: ProfileFile = None,
    as_json: AsJson = False,
) -> None:
    """Move a document that is not permanent to another element of mode edit.

    Example: artstore transfer 0193a5b0-7c1e-7000-8000-5a3f1b2c4d5e --to edit-02
    """
    from artstore.cli import exits, transaction
    from artstore.sdk import Client

    with Client(profile) as client:
        told = client.transactions.transfer(file_id, to, wait=wait)
    transaction.tell(told, as_json=as_json)
    if wait and told.committed_at is None:
        raise typer.Exit(exits.FAILED)
