"""``artstore link|links|unlink``: links to documents, for whoever has no account."""

from typing import TYPE_CHECKING, Annotated

import typer

from artstore.cli.options import AsJson, ProfileFile

if TYPE_CHECKING:
    from artstore.wire.links import Link


def register(app: typer.Typer) -> None:
    for command in (link, links, unlink):
        app.command(command.__name__, rich_help_panel="Documents")(command)


def link(
    file_id: Annotated[str, typer.Argument(metavar="ID", help="The file_id of the document.")],
    expires: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="SECONDS", help="How long it is good; an hour if not given, a day at most."
        ),
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="For one download, which may be resumed for 15 minutes.")
    ] = False,
    address: Annotated[
        str | None, typer.Option(metavar="NETWORK", help="Only from this IP address or network.")
    ] = None,
    direct: Annotated[
        bool,
        typer.Option(
            "--direct", help="Straight from the storage element, where clients can reach it; else as usual."
        ),
    ] = False,
    profile: ProfileFile = None,
    as_json: AsJson = False,
) -> None:
    """Make a link to a document: whoever has it may download, without an account. It is shown this once.

    Example: artstore link 0193a5b0-7c1e-7000-8000-5a3f1b2c4d5e --expires 600 --once
    """
    from artstore.cli.output import print_json
    from artstore.sdk import Client

    with Client(profile) as client:
        made = client.links.create(file_id, expires_in=expires, once=once, address=address, direct=direct)
    if as_json:
        print_json(made)
    else:
        print(made.url)


def links(profile: ProfileFile = None, as_json: AsJson = False) -> None:
    """List the links that the account has made and that are good; the newest first.

    Example: artstore links --json
    """
    from artstore.cli.output import print_json, print_table
    from artstore.sdk import Client

    with Client(profile) as client:
        found = client.links.list()
    if as_json:
        for each in found:
            print_json(each)
    else:
        print_table(["id", "document", "until", "for"], [_row(each) for each in found])


def unlink(
    link_ids: Annotated[
        list[str], typer.Argument(metavar="LINK…", help="The ids of links, as 'artstore links' lists them.")
    ],
    profile: ProfileFile = None,
) -> None:
    """End links: from now on they give nothing.

    Example: artstore unlink 5f0c1d3e-9a51-4b36-8d8e-0a6a4c1f2b7d
    """
    from artstore.cli.output import clean
    from artstore.sdk import Client

    with Client(profile) as client:
        for link_id in link_ids:
            client.links.end(link_id)
            print(f"{clean(link_id)}  ended")


def _row(each: "Link") -> list[str]:
    if each.once:
        whom = "one use" if each.used_at is None else f"one use, at {each.used_at:%Y-%m-%d %H:%M}"
    else:
        whom = "any use"
    if each.address is not None:
        whom += f" from {each.address}"
    if each.direct:
        whom += ", direct"
    return [str(each.link_id), str(each.file_id), f"{each.expires_at:%Y-%m-%d %H:%M:%S}", whom]
