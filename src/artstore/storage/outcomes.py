"""How requests end, counted, and what lower layers refuse turned into the problem that is counted."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter
from starlette.requests import ClientDisconnect

from artstore.kernel.problems import Problem
from artstore.storage.refusals import REFUSED_CLASSES, refusal_of


@contextmanager
def counted(counter: Counter, done: str, *labels: str) -> Iterator[None]:
    """Counts the end of the block under ``labels`` and one more, which tells how it ended: ``done``,
    ``client_gone``, ``failed``, or the slug of the problem that refused it.

    Raises what the block raises, as Problem where it is a refusal.
    """
    outcome = "failed"
    try:
        yield
        outcome = done
    except ClientDisconnect:
        outcome = "client_gone"
        raise
    except Problem as problem:
        outcome = problem.kind.slug
        raise
    except REFUSED_CLASSES as error:
        refusal = refusal_of(error)
        outcome = refusal.kind.slug
        raise refusal from error
    finally:
        counter.labels(*labels, outcome).inc()
