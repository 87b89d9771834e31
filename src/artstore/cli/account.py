"""``artstore account create|list|show|set``; more in ``account_life`` and ``account_grants``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from artstore.cli.options import AsJson, ProfileFile
from artstore.wire.scopes import Role, Scope

if TYPE_CHECKING:
    from datetime import datetime

    from artstore.wire.accounts import ServiceAccount

app = typer.Typer(no_args_is_help=True, help="Service accounts: who may use the system.")

Named = Annotated[str, typer.Argument(metavar="ACCOUNT", help="Its name, client id or id.")]
_Scopes = Annotated[
    list[Scope] | None,
    typer.Option("--scope", help="Give only this scope of the role; may be repeated. All if not given."),
]
_RateLimit = Annotated[int | None, typer.Option(min=1, metavar="N", help="Requests for each minute.")]
_Expires = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="The account ends then: 2027-01-31, or a time of RFC 3339."),
]
_Keys = Annotated[
    list[Path] | None,
    typer.Option("--key", metavar="FILE", help="A file with public JSON Web Keys; may be repeated."),
]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Unique; stands in what the account stores.")],
    role: Annotated[Role, typer.Option(case_sensitive=False, help="What the account may do.")] = Role.USER,
    description: Annotated[str | None, typer.Option(metavar="TEXT", help="What it is for.")] = None,
    scope: _Scopes = None,
    rate_limit: _RateLimit = None,
    expires: _Expires = None,
    key: _Keys = None,
    profile: ProfileFile = None,
    as_json: AsJson = False,
) -> None:
    """Make a service account. Its secret is shown this once and kept nowhere.

    Example: artstore account create billing --role USER
    """
    from artstore.sdk import Client

    with Client(profile) as client:
        account = client.accounts.create(
            name,
            role,
            description=description,
            scopes=scope,
            rate_limit=rate_limit,
            expires_at=None if expires is None else moment(expires),
            keys=public_keys(key),
        )
    show_secret(account, as_json=as_json)


@app.command("list")
def list_accounts(
    text: Annotated[str, typer.Argument(help="A part of name, client id or description.")] = "",
    role: Annotated[Role | None, typer.Option(case_sensitive=False, help="Only those of this role.")] = None,
    status: Annotated[
        str | None,
        typer.Option(metavar="STATUS", help="active, suspended or deleted; all but deleted if not given."),
    ] = None,
    profile: ProfileFile = None,
    as_json: AsJson = False,
) -> None:
    """List the service accounts, with when their secrets expire.

    Example: artstore account list billing --json
    """
    from artstore.cli.output import print_json, print_table
    from artstore.sdk import Client

    if status not in (None, "active", "suspended", "deleted"):
        raise typer.BadParameter("--status is active, suspended or deleted")
    with Client(profile) as client:
        found = list(client.accounts.list(text, role=role, status=status))
    if as_json:
        for account in found:
            print_json(account)
        return
    print_table(
        ["id", "name", "role", "status", "client", "secret expires", "last used"],
        [
            [
                str(one.id),
                one.name,
                one.role,
                one.status,
                one.client_id,
                secret_expiry(one),
                "never" if one.last_used_at is None else minute(one.last_used_at),
            ]
            for one in found
        ],
    )


@app.command()
def show(account: Named, profile: ProfileFile = None, as_json: AsJson = False) -> None:
    """Show one account with its secrets (never the secrets themselves) and grants.

    Example: artstore account show billing
    """
    from artstore.cli.output import print_json
    from artstore.sdk import Client

    with Client(profile) as client:
        found = client.accounts.get(account)
        grants = client.accounts.grants(found.id)
    if as_json:
        print_json(
            found.model_dump(mode="json") | {"grants": [one.model_dump(mode="json") for one in grants]}
        )
        return
    print_account(found)
    for grant in grants:
        _line("grant", f"{' '.join(grant.scopes)} on documents of {grant.owner_name}")


@app.command("set")
def change(
    account: Named,
    role: Annotated[Role | None, typer.Option(case_sensitive=False, help="Another role.")] = None,
    description: Annotated[
        str | None, typer.Option(metavar="TEXT", help="What it is for; empty takes it away.")
    ] = None,
    scope: _Scopes = None,
    all_scopes: Annotated[bool, typer.Option("--all-scopes", help="All scopes of the role again.")] = False,
    rate_limit: _RateLimit = None,
    expires: Annotated[
        str | None, typer.Option(metavar="TIME", help="The account ends then; 'never' takes it away.")
    ] = None,
    key: _Keys = None,
    no_keys: Annotated[bool, typer.Option("--no-keys", help="Take all public keys away.")] = False,
    profile: ProfileFile = None,
    as_json: AsJson = False,
) -> None:
    """Change an account. Whatever it loses by that ends its tokens; it gets new ones by itself.

    Example: artstore account set billing --role READONLY --rate-limit 600
    """
    from artstore.cli.output import print_json
    from artstore.sdk import Client

    changes: dict[str, Any] = {
        "role": role,
        "description": description,
        "scopes": scope or None,
        "rate_limit": rate_limit,
        "expires_at": None if expires in (None, "never") else moment(expires),
        "keys": public_keys(key),
    }
    given = {name: value for name, value in changes.items() if value is not None}
    given |= {"description": None} if description == "" else {}
    given |= {"scopes": None} if all_scopes else {}
    given |= {"expires_at": None} if expires == "never" else {}
    given |= {"keys": None} if no_keys else {}
    if not given:
        raise typer.BadParameter("say what to change")
    with Client(profile) as client:
        found = client.accounts.update(account, **given)
    print_json(found) if as_json else print_account(found)


def show_secret(account: Any, *, as_json: bool) -> None:
    """The one time that a secret is seen."""
    from artstore.cli.output import print_json, say

    if as_json:
        print_json(account)
        return
    _line("client_id", account.client_id)
    _line("client_secret", account.client_secret)
    say("Keep the secret now; it cannot be shown again.")


def print_account(account: "ServiceAccount") -> None:
    """What there is to know of an account, a line for each."""
    from artstore.cli.output import clean

    _line("id", str(account.id))
    _line("name", clean(account.name))
    _line("client_id", account.client_id)
    _line("status", account.status)
    _line("role", account.role + (" (of the system)" if account.is_system else ""))
    _line("scopes", " ".join(account.scopes))
    _line("rate_limit", f"{account.rate_limit} a minute" if account.rate_limit else "none")
    if account.description is not None:
        _line("description", clean(account.description))
    if account.expires_at is not None:
        _line("expires", minute(account.expires_at))
    _line("created", minute(account.created_at))
    for key in account.keys:
        _line("key", f"{key['kty']} {key.get('kid', '')}".strip())
    for secret in account.secrets:
        used = "not used yet" if secret.last_used_at is None else f"used {minute(secret.last_used_at)}"
        _line("secret", f"{secret.id} {secret.prefix or '(configured)'}… {_until(secret.expires_at)}, {used}")


def secret_expiry(account: "ServiceAccount") -> str:
    """When the last of the account's secrets ends."""
    if not account.secrets:
        return "has none"
    ends = [secret.expires_at for secret in account.secrets]
    return _until(None if None in ends else max(end for end in ends if end is not None))


def _until(end: "datetime | None") -> str:
    from datetime import UTC, datetime

    if end is None:
        return "never"
    days = (end - datetime.now(UTC)).days
    return f"{end:%Y-%m-%d} ({f'in {days} days' if days >= 0 else 'EXPIRED'})"


def moment(text: str) -> "datetime":
    """A time as a person writes it; without a zone it is UTC."""
    from datetime import UTC, datetime

    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no time such as 2027-01-31 or 2027-01-31T12:00:00Z") from error
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def minute(moment: "datetime") -> str:
    return moment.strftime("%Y-%m-%d %H:%M")


def public_keys(files: list[Path] | None) -> list[dict[str, Any]] | None:
    """The keys of JWK files, and of JWK sets."""
    import json

    if not files:
        return None
    keys: list[dict[str, Any]] = []
    for file in files:
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise typer.BadParameter(f"{file} is no JSON Web Key") from error
        listed = found.get("keys", [found]) if isinstance(found, dict) else None
        if not isinstance(listed, list) or not all(isinstance(key, dict) for key in listed):
            raise typer.BadParameter(f"{file} is no JSON Web Key and no set of them")
        keys += listed
    return keys


def _line(name: str, value: str) -> None:
    print(f"{name:<15}{value}")
