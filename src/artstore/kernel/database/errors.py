"""How the database is addressed, and what the errors of driver and pool mean."""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import errors as pg
from pydantic import SecretStr
from sqlalchemy import URL, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType

CONNECT_SECONDS = 5

_DOWN_CLASSES = ("08", "28", "3D", "53", "57P")
"""SQLSTATEs: connection, authorization, no such database, no resources left, shut down or starting."""


class DatabaseDown(Problem):
    """The database cannot be used now; trying again later is right. An endpoint lets it pass: it answers 503.

    `reason` has no secrets in it (libpq names host, port and user, never the password).
    """

    def __init__(self, reason: str) -> None:
        super().__init__(
            ProblemType.DEPENDENCY_UNAVAILABLE, "The database is away; try again in a few seconds."
        )
        self.reason = reason

    def __str__(self) -> str:
        return f"The database is away: {self.reason}"


def database_url(url: str | SecretStr) -> URL:
    """The address as SQLAlchemy takes it, with the driver that is used here."""
    plain = url.get_secret_value() if isinstance(url, SecretStr) else url
    return make_url(plain).set(drivername="postgresql+psycopg")


def libpq_address(url: str | SecretStr) -> str:
    """The address as libpq and psycopg take it, password included: never to be shown."""
    return database_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


@contextmanager
def translated_errors() -> Iterator[None]:
    """The one place where errors of driver and pool become `DatabaseDown`."""
    try:
        yield
    except PoolTimeout as error:
        raise DatabaseDown("all connections are in use, and none became free in time") from error
    except DBAPIError as error:
        reason = _reason_if_down(error)
        if reason is None:
            raise
        raise DatabaseDown(reason) from error


def _reason_if_down(error: DBAPIError) -> str | None:
    cause = error.orig
    if isinstance(cause, pg.QueryCanceled):  # statement_timeout: slow is not broken, and may be faster later
        return "a statement took too long"
    if isinstance(cause, pg.LockNotAvailable | pg.DeadlockDetected):  # so is a row that others are busy with
        return "others were at work on the same rows for too long"
    sqlstate = getattr(cause, "sqlstate", None) or ""
    no_answer = isinstance(cause, pg.OperationalError) and sqlstate == ""
    if error.connection_invalidated or no_answer or sqlstate.startswith(_DOWN_CLASSES):
        return str(cause).strip().partition("\n")[0]
    return None
