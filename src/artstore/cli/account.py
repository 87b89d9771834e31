"""``artstore account create|list``: service accounts."""

from typing import Annotated

import typer

from artstore.cli.options import AsJson, ProfileFile
from artstore.wire.scopes import Role

app = typer.Typer(no_args_is_help=True, help="Service accounts: who may use the system.")


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Unique; stands in what the account stores.")],
    role: Annotated[Role, typer.Option(case_sensitive=False, help="What the account may do.")] = Role.USER,
    profile: ProfileFile = None,
    as_json: AsJson = False,
) -> None:
    """Make a service account. Its secret is shown this once and kept nowhere.

    Example: artstore account create billing --role USER
    """
    from artstore.cli.output import print_json, say
    from artstore.sdk import Client

    with Client(profile) as client:
        account = client.create_account(name, role)
    if as_json:
        print_json(account)
        return
    print(f"client_id      {account.client_id}")
    print(f"client_secret  {account.client_secret}")
    say("Keep the secret now; it cannot be shown again.")


@app.command("list")
def list_accounts(profile: ProfileFile = None, as_json: AsJson = False) -> None:
    """List the service accounts.

    Example: artstore account list --json
    """
    from artstore.cli.output import print_json, print_table
    from artstore.sdk import Client

    with Client(profile) as client:
        found = list(client.list_accounts())
    if as_json:
        for account in found:
            print_json(account)
        return
    print_table(
        ["id", "name", "role", "client", "created"],
        [
            [str(one.id), one.name, one.role, one.client_id, one.created_at.strftime("%Y-%m-%d %H:%M")]
            for one in found
        ],
    )
