"""Exit codes, which scripts may rely on. ``docs/cli.md`` tells them to people."""

import sys

OK = 0
FAILED = 1
"""Something was found or failed: a checker's finding, a document lost or differing, an error of a service."""
USAGE = 2
"""Arguments, settings or a profile that cannot be used."""
CANNOT_START = 3
"""A port is taken, the data folder is in use, or a process does not come up."""
NOT_FOUND = 4
REFUSED = 5
"""The account is unknown, or may not do that."""
UNAVAILABLE = 6
"""A service cannot be reached, or says that it cannot serve now; trying again later may work."""
REJECTED = 7
"""The document, its name or its attributes break a rule, or something is in the way."""
INTERRUPTED = 130

MEANINGS = {
    OK: "done",
    FAILED: "a finding or a failure: damage, a document lost or differing, a file that cannot be read",
    USAGE: "wrong usage: arguments, settings or a profile that cannot be used",
    CANNOT_START: "cannot start: a port is taken, the data folder or element is in use, a process fails",
    NOT_FOUND: "not found, or not yours to see",
    REFUSED: "access refused: unknown account, wrong secret, missing scope",
    UNAVAILABLE: "a service cannot be reached, has no room or cannot serve now; later may work",
    REJECTED: "the document or its attributes break a rule, or something is in the way",
    INTERRUPTED: "interrupted",
}


def code_of(error: Exception) -> int | None:
    """The code for an error that is an outcome, or None for one that is a bug and deserves its traceback."""
    from artstore.launcher.errors import LauncherError

    if isinstance(error, LauncherError):
        return CANNOT_START
    if isinstance(error, OSError):
        return FAILED
    if "artstore.sdk.errors" in sys.modules and (code := _code_of_sdk_error(error)) is not None:
        return code
    if "artstore.kernel.database" in sys.modules:
        return _code_of_service_error(error)
    return None


def _code_of_service_error(error: Exception) -> int | None:
    """Of what a command does by itself that a service does otherwise."""
    from artstore.kernel.database import UnknownRevision
    from artstore.kernel.problems import Problem
    from artstore.wire.problems import ProblemType

    if isinstance(error, UnknownRevision):
        return CANNOT_START
    if not isinstance(error, Problem):
        return None
    codes = {ProblemType.NOT_FOUND: NOT_FOUND, ProblemType.DEPENDENCY_UNAVAILABLE: UNAVAILABLE}
    return codes.get(error.kind, REJECTED)


def _code_of_sdk_error(error: Exception) -> int | None:
    from artstore.sdk import errors

    table: list[tuple[type[Exception], int]] = [
        (errors.NotFound, NOT_FOUND),
        (errors.AccessRefused, REFUSED),
        (errors.Unavailable, UNAVAILABLE),
        (errors.NoRoom, UNAVAILABLE),
        (errors.Offline, UNAVAILABLE),
        (errors.Rejected, REJECTED),
        (errors.Conflict, REJECTED),
        (errors.BadProfile, USAGE),
        (errors.ArtStoreError, FAILED),
    ]
    return next((code for kind, code in table if isinstance(error, kind)), None)
