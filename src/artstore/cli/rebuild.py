"""``artstore storage rebuild``: make the index of an element anew from its files."""

from typing import Annotated

import typer

from artstore.cli.options import AsJson, ProfileFile, Wait


def register(group: typer.Typer) -> None:
    group.command("rebuild")(rebuild)


def rebuild(
    element_id: Annotated[str, typer.Argument(metavar="ELEMENT", help="The id of the element.")],
    wait: Wait = True,
    profile: ProfileFile = None,
    as_json: AsJson = False,
) -> None:
    """Make the index of an element anew from its files, while it serves.

    Needs an account that may write elements. An interruption ends the waiting, not the rebuild; given again,
    the command joins the one that is under way.

    Example: artstore storage rebuild rw-01
    """
    from artstore.cli.output import print_json
    from artstore.cli.progress import progress_bar
    from artstore.sdk import Client
    from artstore.sdk.progress import advancing

    with Client(profile) as client:
        expected = client.index(element_id).documents
        with progress_bar(
            f"index of {element_id}", expected, shown=wait and not as_json, as_bytes=False
        ) as advance:
            report = client.rebuild_index(element_id, wait=wait, progress=advancing(advance))
    if as_json:
        print_json(report)
        return
    done = report.rebuild
    if done is None or done.finished_at is None:
        print(f"{element_id}: the rebuild has begun; the command given again shows how far it is")
        return
    print(
        f"{element_id}: {done.documents} documents indexed, {done.documents_per_second:.0f}/s;"
        f" {done.removed or 'no'} rows had no document"
    )
    if done.left_out:
        print(f"{done.left_out} documents were left out, because their attributes cannot be read;")
        print("the log of the element names them, and so does: artstore verify")
