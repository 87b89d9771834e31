"""``artstore account grant|revoke-grant|grants|trail``: rights to others' documents; the audit trail."""

import json
from typing import Annotated

import typer

from artstore.cli.account import Named, minute
from artstore.cli.options import AsJson, ProfileFile

_Owner = Annotated[
    str, typer.Argument(metavar="OWNER", help="Whose documents: a name, client id or id of an account.")
]


def register(app: typer.Typer) -> None:
    app.command()(grant)
    app.command("revoke-grant")(revoke_grant)
    app.command()(grants)
    app.command()(trail)


def grant(
    account: Named,
    owner: _Owner,
    write: Annotated[bool, typer.Option("--write", help="Also to change their attributes.")] = False,
    profile: ProfileFile = None,
    as_json: AsJson = False,
) -> None:
    """Let an account read the documents of another one.

    Example: artstore account grant auditor billing
    """
    from artstore.cli.output import print_json
    from artstore.sdk import Client

    with Client(profile) as client:
        given = client.accounts.grant(account, owner, "files:write" if write else "files:read")
    if as_json:
        print_json(given)
    else:
        print(f"{' '.join(given.scopes)} on documents of {given.owner_name}")


def revoke_grant(account: Named, owner: _Owner, profile: ProfileFile = None) -> None:
    """Take a grant back; the account's tokens end, and it gets new ones by itself.

    Example: artstore account revoke-grant auditor billing
    """
    from artstore.sdk import Client

    with Client(profile) as client:
        client.accounts.revoke_grant(account, owner)


def grants(account: Named, profile: ProfileFile = None, as_json: AsJson = False) -> None:
    """List what an account may do with the documents of others.

    Example: artstore account grants auditor
    """
    from artstore.cli.output import print_json, print_table
    from artstore.sdk import Client

    with Client(profile) as client:
        found = client.accounts.grants(account)
    if as_json:
        for one in found:
            print_json(one)
        return
    print_table(
        ["owner", "scopes", "since", "id"],
        [[one.owner_name, " ".join(one.scopes), minute(one.created_at), str(one.owner_id)] for one in found],
    )


def trail(
    account: Named,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many entries.")] = 50,
    profile: ProfileFile = None,
    as_json: AsJson = False,
) -> None:
    """Show what the audit trail says of an account, the newest first.

    Example: artstore account trail billing
    """
    from artstore.cli.output import print_json, print_table
    from artstore.sdk import Client

    with Client(profile) as client:
        found = client.accounts.trail(account, limit=limit)
    if as_json:
        for one in found:
            print_json(one)
        return
    print_table(
        ["at", "action", "by", "details"],
        [
            [
                one.at[:16].replace("T", " "),
                one.action,
                one.actor.name or one.actor.kind,
                json.dumps(one.details, ensure_ascii=False),
            ]
            for one in found
        ],
    )
