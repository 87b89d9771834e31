"""What follows from what came of a step. Pure: a transaction goes in, the one afterwards comes out."""

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from artstore.wire.transactions import OVER, StepAttempt, TransactionKind, TransactionState

MOST_HISTORY: Final = 100
_FIRST_PAUSE_SECONDS: Final = 0.5
_MOST_ERROR: Final = 500
_FAILED_PAUSE: Final = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class TransactionRow:
    """A transaction as its row has it."""

    id: UUID
    kind: TransactionKind
    state: TransactionState
    step: str
    is_undoing: bool
    file_id: UUID
    owner_id: str
    requested_by_id: str
    requested_by_name: str
    source_element_id: str
    target_element_id: str
    total_bytes: int
    copied_bytes: int
    attempts: int
    error: str | None
    history: tuple[StepAttempt, ...]
    next_at: datetime | None
    committed_at: datetime | None
    revision: int
    created_at: datetime
    updated_at: datetime

    @property
    def is_over(self) -> bool:
        return self.state in OVER

    @property
    def is_at_work(self) -> bool:
        """Whether a worker has to go on with it, now or later."""
        waits_for_operator = self.state is TransactionState.FAILED and self.next_at is None
        return not self.is_over and not waits_for_operator


class TryAgain(Exception):
    """The step did not succeed now; another time it may. The text is for operators."""


class StepRefused(Exception):
    """The step will never succeed. The text is for operators and for the owner of the document."""


@dataclass(frozen=True)
class StepResult:
    """``commits``: the transaction is not undone any more. ``wait_until``: the next step begins no earlier.

    ``forward_to``: of a step that undoes, where it finds that the commit has happened after all: the step to
    go on with. ``target``: the element that has the document already. The step runs again with that one as
    the target, for which nothing is done before the row says so.
    """

    commits: bool = False
    wait_until: datetime | None = None
    forward_to: str | None = None
    target: str | None = None


RunStep = Callable[[TransactionRow], Awaitable[StepResult]]


@dataclass(frozen=True)
class Saga:
    """The steps of a kind of transaction, by name, in their order.

    ``tidy`` takes away what a step did that came too late: the transaction was over by then.
    """

    forward: dict[str, RunStep]
    backward: dict[str, RunStep]
    tidy: Callable[[TransactionRow], Awaitable[None]]

    def names(self, *, undoing: bool) -> Sequence[str]:
        return list(self.backward if undoing else self.forward)

    def run(self, row: TransactionRow) -> RunStep:
        return (self.backward if row.is_undoing else self.forward)[row.step]


@dataclass(frozen=True)
class RetryPolicy:
    """After ``attempts`` failures of a step it is given up; pauses double up to ``longest_pause``."""

    attempts: int
    longest_pause_seconds: float

    def pause(self, failures: int, *, jitter: Callable[[], float] = random.random) -> timedelta:
        longest = min(self.longest_pause_seconds, _FIRST_PAUSE_SECONDS * 2 ** min(failures - 1, 30))
        return timedelta(seconds=longest * (0.5 + jitter() / 2))


def succeeded(
    row: TransactionRow, saga: Saga, result: StepResult, *, began: datetime, now: datetime
) -> TransactionRow:
    """After a step that did what it should."""
    row = replace(_told(row, began, now, None), attempts=0, error=None, next_at=result.wait_until)
    if result.commits and row.committed_at is None:
        row = replace(row, committed_at=now)
    if result.target is not None:
        row = replace(row, target_element_id=result.target)
    if result.forward_to is not None:
        # Committed although it was to be undone: from here it only goes on.
        return replace(
            row,
            state=TransactionState.RUNNING,
            step=result.forward_to,
            is_undoing=False,
            committed_at=row.committed_at or now,
        )
    going = TransactionState.COMPENSATING if row.is_undoing else TransactionState.RUNNING
    if result.target is not None:
        return replace(row, state=going)
    names = saga.names(undoing=row.is_undoing)
    following = names[names.index(row.step) + 1 :]
    if following:
        return replace(row, state=going, step=following[0])
    return replace(
        row, state=TransactionState.UNDONE if row.is_undoing else TransactionState.DONE, next_at=None
    )


def failed(
    row: TransactionRow, saga: Saga, policy: RetryPolicy, error: str, *, began: datetime, now: datetime
) -> TransactionRow:
    """After an attempt that failed and may succeed another time."""
    row = replace(_told(row, began, now, error), attempts=row.attempts + 1)
    if row.attempts < policy.attempts:
        going = TransactionState.COMPENSATING if row.is_undoing else TransactionState.RUNNING
        return replace(row, state=going, next_at=now + policy.pause(row.attempts))
    # What could not be reached may come back long after an operator has gone home.
    return _given_up(row, saga, again_at=now + _FAILED_PAUSE)


def refused(row: TransactionRow, saga: Saga, error: str, *, began: datetime, now: datetime) -> TransactionRow:
    """After a step that will never succeed."""
    return _given_up(_told(row, began, now, error), saga)


def undoing(row: TransactionRow, saga: Saga) -> TransactionRow:
    """The transaction from where it is undone. Not for one that is committed."""
    assert row.committed_at is None
    return replace(
        row,
        state=TransactionState.COMPENSATING,
        step=saga.names(undoing=True)[0],
        is_undoing=True,
        attempts=0,
        next_at=None,
    )


def resumed(row: TransactionRow) -> TransactionRow:
    """A transaction that stopped, or waits for its next attempt, goes on now, with all its attempts."""
    going = TransactionState.COMPENSATING if row.is_undoing else TransactionState.RUNNING
    return replace(row, state=going, attempts=0, next_at=None)


def _given_up(row: TransactionRow, saga: Saga, *, again_at: datetime | None = None) -> TransactionRow:
    if row.is_undoing or row.committed_at is not None:
        return replace(row, state=TransactionState.FAILED, next_at=again_at)
    return undoing(row, saga)


def _told(row: TransactionRow, began: datetime, now: datetime, error: str | None) -> TransactionRow:
    told = None if error is None else error[:_MOST_ERROR]
    attempt = StepAttempt(step=row.step, started_at=began, ended_at=now, error=told)
    return replace(row, history=(*row.history, attempt)[-MOST_HISTORY:], error=told)
