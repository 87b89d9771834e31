"""``artstore key list|rotate|revoke``: the keys that sign access tokens."""

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from artstore.cli.options import AsJson, ProfileFile

if TYPE_CHECKING:
    from artstore.wire.keys import SigningKey

app = typer.Typer(no_args_is_help=True, help="The keys that sign access tokens.")

_DASHED_KEY_ID = re.compile(r"-[A-Za-z0-9_-]{42}")
"""An id is a SHA-256 in base64url (RFC 7638), and one of 64 begins with a dash."""


class KeyCommand(TyperCommand):
    """A command that takes a key's id where an option could stand, since it may look like one."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The arguments, with ids that begin with a dash after all options."""
        if "--" in args:
            return super().parse_args(ctx, args)
        ids = [arg for arg in args if _DASHED_KEY_ID.fullmatch(arg)]
        return super().parse_args(ctx, [*(arg for arg in args if arg not in ids), "--", *ids])


@app.command("list")
def list_keys(profile: ProfileFile = None, as_json: AsJson = False) -> None:
    """List the keys, the newest first.

    Example: artstore key list
    """
    from artstore.cli.output import print_json, print_table
    from artstore.sdk import Client

    with Client(profile) as client:
        found = client.keys.list()
    if as_json:
        for key in found:
            print_json(key)
        return
    print_table(
        ["id", "state", "signs from", "good until"],
        [[key.kid, key.state, _moment(key.signs_from), _end(key)] for key in found],
    )


@app.command()
def rotate(profile: ProfileFile = None, as_json: AsJson = False) -> None:
    """Publish a new key, which signs some seconds later. Tokens of the old one stay good.

    Example: artstore key rotate
    """
    from artstore.cli.output import print_json
    from artstore.sdk import Client

    with Client(profile) as client:
        key = client.keys.rotate()
    if as_json:
        print_json(key)
        return
    print(f"{key.kid} is published and signs from {_moment(key.signs_from)}")


@app.command(cls=KeyCommand)
def revoke(
    kid: Annotated[str, typer.Argument(metavar="KEY", help="The id of the key.")],
    profile: ProfileFile = None,
    as_json: AsJson = False,
) -> None:
    """Make all tokens of a compromised key worthless now. If it signs, another one does at once.

    Example: artstore key revoke Jx4ps0GwqV1VnBfZ7nXDYm0i3mEcBXHcuDzXXnOz0wE
    """
    from artstore.cli.output import print_json
    from artstore.sdk import Client

    with Client(profile) as client:
        key = client.keys.revoke(kid)
    if as_json:
        print_json(key)
        return
    print(f"{key.kid} is revoked; whoever has a token of it must get another")


def _moment(moment: object) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _end(key: "SigningKey") -> str:
    if key.revoked_at is not None:
        return f"revoked {_moment(key.revoked_at)}"
    return _moment(key.good_until) if key.good_until is not None else ""
