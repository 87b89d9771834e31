"""``artstore admin|storage|ingester|query serve``: shown in the help here, run by ``serve``; and what else a
service's group of commands has.
"""

from collections.abc import Callable

import typer

from artstore.cli import admin_user, adopt, catalog, migrate, rebuild, scrub
from artstore.cli.serve import SERVICES, serve

_TITLES = {
    "admin": "Tokens, service accounts, keys, the registry of elements, the audit trail.",
    "storage": "One storage element.",
    "ingester": "Takes documents in.",
    "query": "Search, attributes, downloads.",
}


def register(app: typer.Typer) -> None:
    for service in SERVICES:
        group = typer.Typer(
            no_args_is_help=True,
            help=f"{_TITLES[service]} Settings: ARTSTORE_{service.upper()}_… and ARTSTORE_SECRETS_DIR.",
        )
        # With one command only, typer would drop its name; a callback keeps it a group.
        group.callback()(_group)
        group.command(
            "serve",
            help=f"Run the service in the foreground until SIGTERM.\n\nExample: artstore {service} serve",
        )(_serving(service))
        if service == "admin":
            migrate.register(group)
            group.add_typer(admin_user.app, name="user")
        if service == "storage":
            adopt.register(group)
            rebuild.register(group)
            scrub.register(group)
        if service == "query":
            catalog.register(group)
        app.add_typer(group, name=service, rich_help_panel="Services")


def _group() -> None:
    pass


def _serving(service: str) -> Callable[[], None]:
    def run() -> None:
        raise typer.Exit(serve(service))

    return run
