"""``artstore account suspend|activate|delete|restore|rotate-secret|end-secret``."""

from typing import TYPE_CHECKING, Annotated

import typer

from artstore.cli.account import Named, print_account, show_secret
from artstore.cli.options import AsJson, ProfileFile

if TYPE_CHECKING:
    from artstore.wire.accounts import ServiceAccount


def register(app: typer.Typer) -> None:
    app.command()(suspend)
    app.command()(activate)
    app.command()(delete)
    app.command()(restore)
    app.command("rotate-secret")(rotate_secret)
    app.command("end-secret")(end_secret)


def suspend(account: Named, profile: ProfileFile = None, as_json: AsJson = False) -> None:
    """Give an account no tokens any more; those that it has are refused everywhere within seconds.

    Example: artstore account suspend billing
    """
    from artstore.sdk import Client

    with Client(profile) as client:
        _show(client.accounts.suspend(account), as_json)


def activate(account: Named, profile: ProfileFile = None, as_json: AsJson = False) -> None:
    """End a suspension.

    Example: artstore account activate billing
    """
    from artstore.sdk import Client

    with Client(profile) as client:
        _show(client.accounts.activate(account), as_json)


def delete(account: Named, profile: ProfileFile = None) -> None:
    """Delete an account. Its documents stay, its name stays taken, and it can be restored.

    Example: artstore account delete billing
    """
    from artstore.cli.output import say
    from artstore.sdk import Client

    with Client(profile) as client:
        client.accounts.delete(account)
    say(f"Deleted. 'artstore account restore {account}' takes it back.")


def restore(account: Named, profile: ProfileFile = None, as_json: AsJson = False) -> None:
    """Take the deletion of an account back.

    Example: artstore account restore billing
    """
    from artstore.sdk import Client

    with Client(profile) as client:
        _show(client.accounts.restore(account), as_json)


def rotate_secret(
    account: Named,
    overlap: Annotated[
        float | None,
        typer.Option(min=0, max=720, metavar="HOURS", help="How long the old secret stays good beside it."),
    ] = None,
    now: Annotated[
        bool, typer.Option("--now", help="End every other secret, and every token, at once: after a leak.")
    ] = False,
    profile: ProfileFile = None,
    as_json: AsJson = False,
) -> None:
    """Give an account another secret, shown this once; the old one stays good for a while.

    Example: artstore account rotate-secret billing --overlap 48
    """
    from artstore.sdk import Client

    if now and overlap:
        raise typer.BadParameter("--now leaves no overlap: give one or the other")
    seconds = 0 if now else None if overlap is None else round(overlap * 3600)
    with Client(profile) as client:
        rotated = client.accounts.rotate_secret(account, overlap_seconds=seconds)
    show_secret(rotated, as_json=as_json)


def end_secret(
    account: Named,
    secret: Annotated[str, typer.Argument(help="The secret's id, as 'artstore account show' tells it.")],
    profile: ProfileFile = None,
) -> None:
    """End one secret of an account at once; tokens that were got with it go on.

    Example: artstore account end-secret billing 0193d2c4-a1b2-7000-8000-000000000001
    """
    from artstore.sdk import Client

    with Client(profile) as client:
        client.accounts.end_secret(account, secret)


def _show(account: "ServiceAccount", as_json: bool) -> None:
    from artstore.cli.output import print_json

    print_json(account) if as_json else print_account(account)
