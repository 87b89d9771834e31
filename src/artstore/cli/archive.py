"""``artstore archive``: fetch many documents as one ZIP."""

from pathlib import Path
from typing import Annotated

import typer

from artstore.cli import search_options as of
from artstore.cli.options import AsJson, ProfileFile

_STDIN = "-"


def register(app: typer.Typer) -> None:
    app.command("archive", rich_help_panel="Documents")(archive)


def archive(
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID…]", help="Of the documents; - reads them from stdin, one a line."),
    ] = None,
    query: Annotated[
        str | None,
        typer.Option(
            "--query",
            "-q",
            metavar="TEXT",
            help="Instead of ids: what a search for this finds; with options of a search, or these alone.",
        ),
    ] = None,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where to: a file, which is replaced; a folder, in which it gets a name of its own.",
        ),
    ] = Path(),
    partial: Annotated[
        bool,
        typer.Option("--partial", help="Leave out what cannot be had, and name it; exit code 1 then."),
    ] = False,
    mode: of.Mode = None,
    sort: of.Sort = None,
    content_type: of.ContentType = None,
    extension: of.Extension = None,
    size_min: of.SizeMin = None,
    size_max: of.SizeMax = None,
    created_from: of.CreatedFrom = None,
    created_before: of.CreatedBefore = None,
    updated_from: of.UpdatedFrom = None,
    updated_before: of.UpdatedBefore = None,
    account: of.Account = None,
    account_id: of.AccountId = None,
    element: of.Element = None,
    retention: of.Retention = None,
    tag: of.Tag = None,
    attribute: of.Attribute = None,
    profile: ProfileFile = None,
    as_json: AsJson = False,
) -> None:
    """Fetch many documents, 10,000 at most, as one ZIP with their attributes; compare all checksums.

    It is there once it is whole: one that was broken off begins anew.

    Example: artstore archive -q "договор -draft" --tag paid -o contracts.zip
    """
    from artstore.cli import exits
    from artstore.cli.output import clean, print_json, say
    from artstore.cli.progress import progress_bar
    from artstore.sdk import Client
    from artstore.sdk.progress import advancing

    options = of.asked(locals())
    wanted = _ids(ids or [])
    if wanted and (query is not None or options):
        raise typer.BadParameter("say either which documents, or what is looked for, not both")
    if not wanted and query is None and not options.keys() - {"mode", "sort"}:
        raise typer.BadParameter("say which documents, or --query, or filters")
    with Client(profile) as client, progress_bar("archive", None, shown=not as_json) as advance:
        made = client.archives.download(
            output,
            ids=wanted or None,
            q=query,
            partial=partial,
            progress=advancing(advance),
            **options,
        )
    if as_json:
        missing = [{"file_id": each.file_id, "reason": each.reason} for each in made.missing]
        print_json({"path": str(made.path), "documents": made.documents, "missing": missing})
    else:
        print(made.path)
        for each in made.missing:
            say(f"{clean(each.file_id)}  not in it: {clean(each.reason)}")
    if made.missing:
        raise typer.Exit(exits.FAILED)


def _ids(given: list[str]) -> list[str]:
    if given != [_STDIN]:
        return given
    import sys

    return [line.strip() for line in sys.stdin if line.strip()]
