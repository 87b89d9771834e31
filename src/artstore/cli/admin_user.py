"""``artstore admin user …``: administrators, for whoever holds the settings of Admin, without Admin running.

The way in when nobody can log in any more. It works on Admin's database, with Admin's own rules, and every
change is told in the audit trail.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from artstore.cli.options import AsJson
from artstore.wire.scopes import AdministratorRole

if TYPE_CHECKING:
    from artstore.wire.administrators import Administrator, ResetCode

app = typer.Typer(
    no_args_is_help=True,
    help="Administrators: the people who run the system. Needs the settings of Admin, not its service.",
)

Username = Annotated[str, typer.Argument(metavar="NAME", help="The name that the person logs in with.")]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="The data folder of 'artstore up', instead of ARTSTORE_ADMIN_… and ARTSTORE_SECRETS_DIR.",
    ),
]


@app.command()
def create(
    username: Username,
    role: Annotated[
        AdministratorRole, typer.Option(case_sensitive=False, help="What the person may do.")
    ] = AdministratorRole.READONLY,
    full_name: Annotated[str, typer.Option(help="How the person is called.")] = "",
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read a password, instead of making a one-time code.")
    ] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Make an administrator. Shows a one-time code, with which the person sets a password.

    Example: artstore admin user create ada --role SUPER_ADMIN
    """
    import sys

    from artstore.cli.admin_offline import offline

    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else None
    with offline(data) as admin:
        made, code = admin.create(username, role, full_name, password)
    _show_code(made, code, as_json)


@app.command("list")
def list_administrators(data: Data = None, as_json: AsJson = False) -> None:
    """List the administrators.

    Example: artstore admin user list
    """
    from artstore.cli.admin_offline import offline
    from artstore.cli.output import print_json, print_table

    with offline(data) as admin:
        found = admin.list()
    if as_json:
        for one in found:
            print_json(one)
        return
    print_table(
        ["id", "name", "role", "state", "last login"],
        [
            [
                str(one.id),
                one.username,
                one.role,
                _state(one),
                one.last_login_at.strftime("%Y-%m-%d %H:%M") if one.last_login_at else "never",
            ]
            for one in found
        ],
    )


@app.command("reset-password")
def reset_password(
    username: Username,
    remove_second_factor: Annotated[
        bool,
        typer.Option("--remove-second-factor", help="Also remove the second factor, for who has lost it."),
    ] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show a one-time code, with which the person sets a password. The old one and all sessions end now.

    Example: artstore admin user reset-password ada
    """
    from artstore.cli.admin_offline import offline

    with offline(data) as admin:
        person, code = admin.reset_password(username, remove_second_factor=remove_second_factor)
    _show_code(person, code, as_json)


@app.command()
def unlock(username: Username, data: Data = None) -> None:
    """Forget the failed logins of a person, so that the next try counts as the first.

    Example: artstore admin user unlock ada
    """
    from artstore.cli.admin_offline import offline

    with offline(data) as admin:
        admin.unlock(username)
    print(f"{username} may log in")


def _state(one: "Administrator") -> str:
    if not one.is_active:
        return "not active"
    if one.locked_until is not None:
        return f"locked until {one.locked_until:%H:%M:%S} UTC"
    if not one.has_password:
        return "without a password"
    return "with second factor" if one.has_second_factor else "active"


def _show_code(person: "Administrator", code: "ResetCode | None", as_json: bool) -> None:
    from artstore.cli.output import print_json, say

    if as_json:
        print_json(person.model_dump(mode="json") | (code.model_dump(mode="json") if code else {}))
        return
    print(f"name           {person.username}")
    if code is not None:
        print(f"one-time code  {code.reset_code}")
        say(
            f"Good until {code.reset_code_expires_at:%Y-%m-%d %H:%M} UTC, and shown this once. The person "
            "sets a password with it: POST /api/v1/admin-auth/password/reset at Admin."
        )
