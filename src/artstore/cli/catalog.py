"""``artstore query rebuild``: make the catalog anew from the elements."""

import typer

from artstore.cli.options import AsJson, ProfileFile, Wait


def register(group: typer.Typer) -> None:
    group.command("rebuild")(rebuild)


def rebuild(
    wait: Wait = True,
    profile: ProfileFile = None,
    as_json: AsJson = False,
) -> None:
    """Make the catalog anew from the elements, while searches go on.

    Needs an account that may write elements. An interruption ends the waiting, not the rebuild; given again,
    the command joins the one that is under way.

    Example: artstore query rebuild
    """
    from artstore.cli.output import print_json
    from artstore.cli.progress import progress_bar
    from artstore.sdk import Client
    from artstore.sdk.progress import advancing

    with Client(profile) as client:
        expected = sum(element.documents or 0 for element in client.elements())
        with progress_bar("catalog", expected, shown=wait and not as_json, as_bytes=False) as advance:
            report = client.catalog.rebuild(wait=wait, progress=advancing(advance))
    if as_json:
        print_json(report)
        return
    done = report.rebuild
    if done is None or done.finished_at is None:
        print("the rebuild has begun; the command given again shows how far it is")
        return
    print(f"{report.documents} documents in the catalog, {done.documents_per_second:.0f}/s")
    for element_id in done.kept:
        print(f"{element_id} could not be asked: what the catalog had of it is kept")
