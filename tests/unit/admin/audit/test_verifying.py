"""What the check of a log finds, in a log that is made here and then tampered with in every way."""

import base64
import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from artstore.admin.audit import SYSTEM, Action, AuditEntry
from artstore.admin.audit.leaf import leaf, members
from artstore.admin.audit.note import Checkpoint, SigningKey
from artstore.admin.audit.tree import CompactRange, leaf_hash
from artstore.admin.audit.verifying import LogCheck, Outcome, Sealed

KEY = SigningKey("log.example/audit", Ed25519PrivateKey.from_private_bytes(bytes(32)))
FORGER = SigningKey("log.example/audit", Ed25519PrivateKey.from_private_bytes(bytes([1] * 32)))
SIZE = 20
SEALED_AT = (3, 10, 11, 18)
Log = list[dict[str, Any]]


def entry(index: int, name: str = "") -> dict[str, Any]:
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=index)
    made = members(
        AuditEntry(Action.KEY_CREATED, SYSTEM, "key", name or f"key {index}", details={"n": index}), index, at
    )
    return rehashed(made)


def rehashed(made: dict[str, Any]) -> dict[str, Any]:
    """As somebody makes it who can write any column."""
    bare = {name: value for name, value in made.items() if name != "leaf_hash"}
    return {**bare, "leaf_hash": base64.b64encode(leaf_hash(leaf(bare))).decode()}


def sealed(log: Log, size: int, key: SigningKey = KEY) -> Sealed:
    tree = CompactRange()
    for one in log[:size]:
        tree.append(base64.b64decode(one["leaf_hash"]))
    return Sealed(f"checkpoint {size}", key.sign(Checkpoint(key.name, size, tree.root()).text()), size)


def kept(log: Log, *sizes: int) -> list[Sealed]:
    """Checkpoints that were put away."""
    return [Sealed("a kept one", sealed(log, size).note) for size in sizes]


LOG = [entry(index) for index in range(SIZE)]
CHECKPOINTS = [sealed(LOG, size) for size in SEALED_AT]


def check(log: Any, own: list[Sealed] = CHECKPOINTS, kept: list[Sealed] | None = None) -> Outcome:
    return LogCheck(KEY.verifier, own, kept or []).run(log)


def found(outcome: Outcome) -> tuple[str, int | None, int | None]:
    assert outcome.fault is not None
    return outcome.fault.kind, outcome.fault.first, outcome.fault.last


def test_sound() -> None:
    outcome = check(LOG, kept=kept(LOG, 11, 5))
    assert outcome.fault is None
    assert (outcome.entries, outcome.sealed, outcome.checkpoints) == (20, 18, 6)


def test_nothing_at_all() -> None:
    outcome = check([], own=[sealed([], 0)])
    assert (outcome.fault, outcome.entries, outcome.checkpoints) == (None, 0, 1)


@pytest.mark.parametrize(
    "change",
    [
        lambda made: made.update(action="key.rotated"),
        lambda made: made["actor"].update(name="somebody else"),
        lambda made: made["details"].update(n=1.0),
        lambda made: made.update(at="2025-01-01T00:00:00.000000Z"),
        lambda made: made.pop("outcome"),
        lambda made: made.pop("leaf_hash"),
        lambda made: made.update(leaf_hash=LOG[5]["leaf_hash"]),
    ],
)
@pytest.mark.parametrize("index", [0, 7, 19])
def test_row_changed(change: Callable[[dict[str, Any]], Any], index: int) -> None:
    log = copy.deepcopy(LOG)
    log[index] = json.loads(json.dumps(log[index]))
    change(log[index])
    assert found(check(log)) == ("altered", index, None)


def test_row_changed_with_its_hash() -> None:
    log = [*LOG[:7], entry(7, "another"), *LOG[8:]]
    assert found(check(log)) == ("altered", 3, 9)
    assert found(check(log, kept=kept(LOG, 7, 8))) == ("altered", 7, 7)


def test_row_removed() -> None:
    assert found(check([*LOG[:7], *LOG[8:]])) == ("missing", 7, 7)
    assert found(check(LOG[2:])) == ("missing", 0, 1)


def test_row_removed_and_the_others_moved_up() -> None:
    log = [*LOG[:7], *({**one, "index": one["index"] - 1} for one in LOG[8:])]
    assert found(check(log)) == ("altered", 7, None)
    assert found(check(list(map(rehashed, log)))) == ("altered", 3, 9)


def test_rows_swapped() -> None:
    log = [*LOG]
    log[4], log[12] = {**LOG[12], "index": 4}, {**LOG[4], "index": 12}
    assert found(check(log)) == ("altered", 4, None)
    log[4], log[12] = LOG[12], LOG[4]
    assert found(check(log)) == ("missing", 4, 11)


def test_row_twice() -> None:
    assert found(check([*LOG[:5], *LOG[4:]])) == ("order", 5, None)


def test_cut_at_the_end() -> None:
    assert found(check(LOG[:15])) == ("missing", 15, 17)
    assert check(LOG[:15]).sealed == 11


def test_truncated() -> None:
    assert found(check([])) == ("missing", 0, 2)


def test_truncated_with_its_checkpoints_is_found_by_one_from_elsewhere() -> None:
    assert check([], own=[]).fault is None
    assert found(check([], own=[], kept=kept(LOG, 10))) == ("missing", 0, 9)


def test_truncated_and_made_anew() -> None:
    anew = [entry(index, "made anew") for index in range(SIZE)]
    own = [sealed(anew, size) for size in (1, 4, 5, SIZE)]
    assert check(anew, own=own).fault is None
    assert found(check(anew, own=own, kept=kept(LOG, 10))) == ("altered", 0, 9)
    half = [*LOG[:4], *anew[4:]]
    own = [sealed(half, size) for size in (1, 4, 7, SIZE)]
    assert found(check(half, own=own, kept=kept(LOG, 10, 3))) == ("altered", 3, 9)


def test_checkpoint_forged() -> None:
    forged = sealed(LOG, 10, FORGER)
    outcome = check(LOG, own=[CHECKPOINTS[0], forged])
    assert found(outcome) == ("checkpoint", None, None)
    assert outcome.fault is not None
    assert "checkpoint 10 is not good: the note is not signed by log.example/audit" in outcome.fault.what


def test_checkpoint_of_another_size_or_order() -> None:
    assert found(check(LOG, own=[Sealed("one", CHECKPOINTS[0].note, 4)])) == ("checkpoint", None, None)
    assert found(check(LOG, own=[CHECKPOINTS[1], CHECKPOINTS[0]])) == ("checkpoint", None, None)


@pytest.mark.parametrize("line", [None, 1, [], {}, {"index": True}, {"index": "0"}])
def test_what_is_no_entry(line: Any) -> None:
    assert check([line], own=[]).fault is not None


@given(st.data())
def test_no_change_below_a_checkpoint_goes_unseen(data: st.DataObject) -> None:
    """Whoever can write every row and every hash, and sign nothing."""
    indexes = st.lists(st.integers(0, SEALED_AT[-1] - 1), min_size=1, unique=True)
    changed = set(data.draw(indexes))
    log = [entry(index, "changed") if index in changed else LOG[index] for index in range(SIZE)]
    outcome = check(log)
    assert outcome.fault is not None
    assert outcome.fault.first is not None
    assert outcome.fault.last is not None
    assert outcome.fault.first <= min(changed) <= outcome.fault.last
