"""``artstore get``: fetch a document."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from artstore.cli.options import AsJson, ProfileFile

if TYPE_CHECKING:
    from artstore.sdk import Client

STDOUT = Path("-")


def register(app: typer.Typer) -> None:
    app.command("get", rich_help_panel="Documents")(get)


def get(
    file_id: Annotated[str, typer.Argument(metavar="ID", help="The file_id of the document.")],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where to: a file, which is replaced; a folder, in which it gets its own name; - for"
            " standard output.",
        ),
    ] = Path(),
    profile: ProfileFile = None,
    as_json: AsJson = False,
) -> None:
    """Fetch a document and compare its SHA-256.

    A fetch that was broken off goes on where it ended when the same command is given again.

    Example: artstore get 0193a5b0-7c1e-7000-8000-5a3f1b2c4d5e -o report.pdf
    """
    from artstore.cli.output import clean, print_json
    from artstore.cli.progress import progress_bar
    from artstore.sdk import Client
    from artstore.sdk.progress import advancing

    with Client(profile) as client:
        document = client.info(file_id)
        label = clean(document.original_filename)[:40]
        with progress_bar(label, document.file_size, shown=not as_json) as advance:
            if output == STDOUT:
                _to_stdout(client, file_id)
                return
            path = client.download(file_id, output, progress=advancing(advance))
    if as_json:
        print_json({"path": str(path), "file_id": file_id, "checksum": document.checksum})
    else:
        print(path)


def _to_stdout(client: "Client", file_id: str) -> None:
    import sys

    with client.stream(file_id) as stream:
        for chunk in stream:
            sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()
