"""How many uploads are under way at once: in one process, and of one account.

Each holds a connection to its element for as long as its client sends, so that their number is what bounds
these connections.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType

_RETRY_AFTER_SECONDS = "5"


class Admission:
    """For the event loop's thread."""

    def __init__(self, most: int, most_of_account: int) -> None:
        self._most = most
        self._most_of_account = most_of_account
        self._taken: Counter[str] = Counter()

    @contextmanager
    def taken(self, account_id: str) -> Iterator[None]:
        """A place for an upload, for as long as the block runs.

        Raises Problem TOO_MANY_REQUESTS where the account has as many as it may, NO_ELEMENT_AVAILABLE where
        all together have.
        """
        if self._taken[account_id] >= self._most_of_account:
            raise _full(
                ProblemType.TOO_MANY_REQUESTS,
                f"The account has {self._most_of_account} uploads under way, as many as it may; send this one"
                " when one of them has ended.",
            )
        if self._taken.total() >= self._most:
            raise _full(
                ProblemType.NO_ELEMENT_AVAILABLE,
                "As many uploads are under way as this Ingester takes; send this one again in a few seconds.",
            )
        self._taken[account_id] += 1
        try:
            yield
        finally:
            self._taken[account_id] -= 1
            if not self._taken[account_id]:
                del self._taken[account_id]


def _full(kind: ProblemType, detail: str) -> Problem:
    return Problem(kind, detail, headers={"Retry-After": _RETRY_AFTER_SECONDS})
