"""``artstore up``: the whole system on this machine until Ctrl-C."""

from pathlib import Path
from typing import Annotated

import typer

from artstore.cli.options import AsJson, DataFolder


def register(app: typer.Typer) -> None:
    app.command("up", rich_help_panel="Systems")(up)


Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Listen there; an error when it is in use.")]


def up(
    data: DataFolder = Path("data"),
    admin_port: Port = None,
    ingester_port: Port = None,
    query_port: Port = None,
    element_port: Annotated[
        list[str] | None,
        typer.Option(metavar="ELEMENT=PORT", help="The port of an element: edit-01 or rw-01."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run everything on this machine: PostgreSQL, Redis, Admin, two elements, Ingester, Query.

    All data lies in one folder and is there again at the next start. Everything listens on loopback. Ports
    that are not given are remembered, or chosen. ARTSTORE_DATABASE_URL and ARTSTORE_REDIS_URL name a
    PostgreSQL and a Redis of yours to use instead of the embedded ones.

    Example: artstore up --data /srv/artstore --admin-port 8000
    """
    import threading
    import time
    from dataclasses import asdict

    from artstore.cli import exits
    from artstore.cli.output import print_json, say
    from artstore.launcher.greeting import greeting
    from artstore.launcher.interrupt import Ending, run_until_interrupted
    from artstore.launcher.settings import SystemSettings
    from artstore.launcher.system import System

    given = {"admin": admin_port, "ingester": ingester_port, "query": query_port}
    ports = {name: port for name, port in given.items() if port is not None} | _element_ports(element_port)
    settings = SystemSettings.from_environment(ports=ports)
    system = System(data, settings, say=say)
    began = time.monotonic()

    def work() -> None:
        if as_json:
            addresses = {name: system.url(name) for name in system.service_names}
            print_json({**asdict(system.profile), "data": str(system.folder.path), "services": addresses})
        else:
            print(greeting(system, time.monotonic() - began), flush=True)
        threading.Event().wait()

    if run_until_interrupted(system, work, say=say) is Ending.KILLED:
        raise typer.Exit(exits.INTERRUPTED)


def _element_ports(given: list[str] | None) -> dict[str, int]:
    from artstore.launcher.settings import ELEMENTS

    known = {element.element_id for element in ELEMENTS}
    ports: dict[str, int] = {}
    for text in given or []:
        name, _, port = text.partition("=")
        if name not in known or not port.isdecimal() or not 0 < int(port) < 65536:
            raise typer.BadParameter(f"{text!r} is not of the form {'|'.join(sorted(known))}=PORT")
        ports[name] = int(port)
    return ports
