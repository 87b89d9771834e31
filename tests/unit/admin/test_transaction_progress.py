"""What follows from what comes of the steps of a transaction: whatever happens, it ends, and once committed it
never goes back.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from artstore.admin.transactions import progress
from artstore.admin.transactions.progress import RetryPolicy, Saga, StepResult, TransactionRow
from artstore.wire.transactions import TransactionKind, TransactionState

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
POLICY = RetryPolicy(attempts=3, longest_pause_seconds=60)


async def step(row: TransactionRow) -> StepResult:
    return StepResult()


async def tidy(row: TransactionRow) -> None:
    pass


SAGA = Saga(
    forward={"hold": step, "copy": step, "remove": step},
    backward={"refuse": step, "withdraw": step, "release": step},
    tidy=tidy,
)


def new() -> TransactionRow:
    return TransactionRow(
        id=uuid4(),
        kind=TransactionKind.FINALIZE,
        state=TransactionState.PENDING,
        step="hold",
        is_undoing=False,
        file_id=uuid4(),
        owner_id="owner",
        requested_by_id="owner",
        requested_by_name="billing",
        source_element_id="edit-01",
        target_element_id="rw-01",
        total_bytes=1,
        copied_bytes=0,
        attempts=0,
        error=None,
        history=(),
        next_at=None,
        committed_at=None,
        revision=0,
        created_at=NOW,
        updated_at=NOW,
    )


def succeed(row: TransactionRow, result: StepResult | None = None) -> TransactionRow:
    return progress.succeeded(row, SAGA, result or StepResult(), began=NOW, now=NOW)


def fail(row: TransactionRow) -> TransactionRow:
    return progress.failed(row, SAGA, POLICY, "away", began=NOW, now=NOW)


def refuse(row: TransactionRow) -> TransactionRow:
    return progress.refused(row, SAGA, "never", began=NOW, now=NOW)


def test_all_steps_lead_to_the_end() -> None:
    assert SAGA.run(new()) is step
    row = succeed(new())
    assert (row.state, row.step) == (TransactionState.RUNNING, "copy")
    later = NOW + timedelta(days=1)
    row = succeed(row, StepResult(commits=True, wait_until=later))
    assert (row.step, row.committed_at, row.next_at) == ("remove", NOW, later)
    row = succeed(row)
    assert (row.state, row.step, row.next_at) == (TransactionState.DONE, "remove", None)
    assert [attempt.step for attempt in row.history] == ["hold", "copy", "remove"]


def test_a_failure_is_followed_by_a_pause_and_a_success_forgets_it() -> None:
    row = fail(new())
    assert (row.state, row.step, row.attempts, row.error) == (TransactionState.RUNNING, "hold", 1, "away")
    assert row.next_at is not None
    assert row.next_at > NOW
    row = succeed(row)
    assert (row.attempts, row.error, row.next_at) == (0, None, None)


def test_too_many_failures_undo_it() -> None:
    row = fail(fail(fail(new())))
    assert (row.state, row.step, row.attempts) == (TransactionState.COMPENSATING, "refuse", 0)
    row = succeed(succeed(succeed(row)))
    assert row.state is TransactionState.UNDONE


def test_too_many_failures_on_the_way_back_are_for_an_operator() -> None:
    row = fail(fail(fail(refuse(new()))))
    assert (row.state, row.step) == (TransactionState.FAILED, "refuse")
    assert row.next_at == NOW + timedelta(hours=1)
    again = fail(row)
    assert (again.state, again.next_at) == (TransactionState.FAILED, row.next_at)
    assert succeed(again).state is TransactionState.COMPENSATING
    assert refuse(again).next_at is None
    row = progress.resumed(row)
    assert (row.state, row.step, row.attempts) == (TransactionState.COMPENSATING, "refuse", 0)


def test_what_is_committed_is_not_undone() -> None:
    committed = succeed(succeed(new()), StepResult(commits=True))
    assert refuse(committed).state is TransactionState.FAILED
    assert fail(fail(fail(committed))).state is TransactionState.FAILED


def test_a_commit_that_is_found_on_the_way_back_turns_it() -> None:
    row = succeed(succeed(refuse(succeed(new()))), StepResult(forward_to="hold"))
    assert (row.state, row.step, row.is_undoing) == (TransactionState.RUNNING, "hold", False)
    assert row.committed_at == NOW
    assert refuse(row).state is TransactionState.FAILED


def test_history_is_bounded() -> None:
    row = replace(new(), history=())
    for _ in range(progress.MOST_HISTORY + 5):
        row = replace(fail(row), attempts=0)
    assert len(row.history) == progress.MOST_HISTORY


@given(st.integers(1, 1000), st.floats(0, 1, exclude_max=True))
def test_pauses_grow_to_the_longest(failures: int, jitter: float) -> None:
    pause = POLICY.pause(failures, jitter=lambda: jitter)
    assert timedelta(seconds=0.25) <= pause <= timedelta(seconds=60)
    assert POLICY.pause(failures + 1, jitter=lambda: jitter) >= pause


@given(st.lists(st.sampled_from(["succeed", "commit", "found", "fail", "refuse"]), max_size=60))
def test_whatever_comes_of_steps(outcomes: list[str]) -> None:
    """A committed one is never on the way back, one that is over has nothing to wait for, no attempts are lost."""
    row = new()
    for outcome in outcomes:
        if not row.is_at_work:
            break
        before = row
        match outcome:
            case "succeed":
                row = succeed(row, StepResult(commits=row.step == "copy"))
            case "commit":
                row = succeed(row, StepResult(commits=not row.is_undoing))
            case "found":
                row = succeed(row, StepResult(forward_to="hold" if row.step == "withdraw" else None))
            case "fail":
                row = fail(row)
            case _:
                row = refuse(row)
        assert row.attempts < POLICY.attempts or row.state is TransactionState.FAILED
        assert before.committed_at is None or row.committed_at == before.committed_at
        assert not (
            row.committed_at and row.state in (TransactionState.COMPENSATING, TransactionState.UNDONE)
        )
        assert row.is_at_work or row.next_at is None
        assert row.step in SAGA.names(undoing=row.is_undoing)
        assert len(row.history) == len(before.history) + 1
