"""``artstore <service> serve``: one service in the foreground, told everything through its environment."""

from importlib import import_module

SERVICES = {"admin": "Admin", "storage": "Storage", "ingester": "Ingester", "query": "Query"}
"""The services by the word that names them on the command line, in packages and in variables."""


def serve(service: str) -> int:
    """Serves until SIGTERM or SIGINT. Ends the process with 2 for bad settings and 3 for a port in use."""
    from artstore.kernel.serve import run
    from artstore.kernel.settings import load

    settings_type = getattr(import_module(f"artstore.{service}.settings"), f"{SERVICES[service]}Settings")
    run(f"artstore.{service}.app:create_app", settings=load(settings_type), service=service)
    return 0
