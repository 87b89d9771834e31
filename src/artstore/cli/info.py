"""``artstore info``: the attributes of a document."""

from typing import Annotated

import typer

from artstore.cli.options import AsJson, ProfileFile


def register(app: typer.Typer) -> None:
    app.command("info", rich_help_panel="Documents")(info)


def info(
    file_id: Annotated[str, typer.Argument(metavar="ID", help="The file_id of the document.")],
    profile: ProfileFile = None,
    as_json: AsJson = False,
) -> None:
    """Show the attributes of a document.

    Example: artstore info 0193a5b0-7c1e-7000-8000-5a3f1b2c4d5e --json
    """
    import json

    from artstore.cli.output import clean, print_json
    from artstore.sdk import Client

    with Client(profile) as client:
        document = client.info(file_id)
    if as_json:
        print_json(document)
        return
    members = document.model_dump(mode="json", exclude_none=True)
    width = max(map(len, members))
    for name, value in members.items():
        shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        print(f"{name:<{width}}  {clean(shown)}")
