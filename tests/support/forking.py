"""The process from which all services of a test run are forked."""

import functools
import tempfile
import weakref
from pathlib import Path

from artstore.launcher.fork_server import ForkServer
from artstore.launcher.service import application_of


@functools.cache
def fork_server() -> ForkServer:
    """One for the whole run: to load the services takes longer than most tests. It ends with this process."""
    folder = tempfile.TemporaryDirectory(prefix="artstore-fork-server-")
    services = [application_of(service) for service in ("admin", "storage", "ingester", "query")]
    server = ForkServer(services, log=Path(folder.name) / "fork-server.log")
    weakref.finalize(server, folder.cleanup)
    return server
