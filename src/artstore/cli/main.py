"""The entry point of the command ``artstore``."""

import sys
from typing import NoReturn

from artstore.cli.serve import SERVICES, serve


def main() -> NoReturn:
    """Runs one command and ends the process with its exit code (see ``exits``)."""
    arguments = sys.argv[1:]
    if len(arguments) == 2 and arguments[0] in SERVICES and arguments[1] == "serve":
        # Past typer and rich, which would delay the start of each service.
        sys.exit(serve(arguments[0]))
    from artstore.cli import exits
    from artstore.cli.app import app

    try:
        app()
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted\n")
        sys.exit(exits.INTERRUPTED)
    except Exception as error:
        code = exits.code_of(error)
        if code is None:
            raise
        sys.stderr.write(f"artstore: {error}\n")
        sys.exit(code)
    sys.exit(exits.OK)
