"""The entry point of the command ``artstore``."""

import os
import sys
from typing import NoReturn

from artstore.cli.exits import INTERRUPTED
from artstore.cli.serve import SERVICES, serve


def main() -> NoReturn:
    """Runs one command and ends the process with its exit code (see ``exits``)."""
    arguments = sys.argv[1:]
    if len(arguments) == 2 and arguments[0] in SERVICES and arguments[1] == "serve":
        # Past typer and rich, which would delay the start of each service.
        sys.exit(serve(arguments[0]))
    code = _run()
    if code == INTERRUPTED:
        sys.stderr.write("interrupted\n")
        sys.stderr.flush()
        # At once: a thread that waits for standard input would be waited for.
        os._exit(code)
    sys.exit(code)


def _run() -> int:
    import typer

    from artstore.cli import exits
    from artstore.cli.app import app

    try:
        # Not standalone: that would give some interruptions the exit code of a failure. Others come as 130.
        code: int | None = app(standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        return exits.INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has had enough. What is still buffered must not fail at the very end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.FAILED
    except Exception as error:
        if (show := getattr(error, "show", None)) is not None:  # wrong usage, by a class that typer hides
            show()
            return exits.USAGE
        if (outcome := exits.code_of(error)) is None:
            raise
        sys.stderr.write(f"artstore: {error}\n")
        return outcome
    return code or exits.OK
