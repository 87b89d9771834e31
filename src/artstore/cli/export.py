"""``artstore export``: all documents that a search finds, in a file."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from artstore.cli import search_options as of
from artstore.cli.options import ProfileFile

STDOUT = Path("-")


def register(app: typer.Typer) -> None:
    app.command("export", rich_help_panel="Documents", cls=of.SearchCommand)(export)


def export(
    words: of.Words = None,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Where to; - for standard output, as if not given."
        ),
    ] = STDOUT,
    format: Annotated[  # noqa: A002 - the name of the parameter in HTTP
        Literal["csv", "jsonl"], typer.Option(help="CSV (RFC 4180), or a JSON object on each line.")
    ] = "csv",
    for_spreadsheets: Annotated[
        bool,
        typer.Option("--for-spreadsheets", help="Put ' before what a spreadsheet would take for a formula."),
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
) -> None:
    """Write the attributes of all documents that a search finds into a file.

    The file appears, or is replaced, once all is there. An export that breaks is exit code 6; what standard
    output got until then is a part.

    Example: artstore export договор -draft --tag paid --format jsonl -o paid.jsonl
    """
    import sys

    from artstore.cli.output import clean
    from artstore.cli.progress import progress_bar
    from artstore.sdk import Client
    from artstore.sdk.progress import advancing

    options = of.asked(locals())
    to_file = output != STDOUT
    with Client(profile) as client, progress_bar(clean(output.name)[:40], None, shown=to_file) as advance:
        client.export(
            output if to_file else sys.stdout.buffer,
            of.question(words),
            format=format,
            for_spreadsheets=for_spreadsheets,
            progress=advancing(advance),
            **options,
        )
