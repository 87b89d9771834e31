"""The page on the audit trail tells of every action, and its program checks what ours makes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from artstore.admin.audit.leaf import leaf
from artstore.admin.audit.note import Checkpoint, SigningKey
from artstore.admin.audit.tree import CompactRange, Range, consistency_ranges, inclusion_ranges, leaf_hash
from artstore.kernel.refusals import MOST_IN_A_MINUTE, MOST_REPORTS
from artstore.wire.audit import Action, ActorKind, Outcome
from tests.support import pages

PAGE = pages.read("audit/README.md")
PROGRAM = pages.DOCS / "audit" / "check_audit.py"
INTEGRATION = Path(__file__).parents[2] / "integration"
KEY = SigningKey("log.example/audit", Ed25519PrivateKey.generate())
[EXAMPLE] = map(json.loads, pages.blocks(PAGE, "json"))
SIZE = 13


def entry(index: int) -> dict[str, Any]:
    made: dict[str, Any] = EXAMPLE | {"index": index, "details": {"name": f"имя {index}\n\u2028", "n": index}}
    return made | {"leaf_hash": "not looked at"}


LOG = [entry(index) for index in range(SIZE)]
LEAVES = [leaf_hash(leaf({k: v for k, v in one.items() if k != "leaf_hash"})) for one in LOG]


def root(wanted: Range) -> bytes:
    tree = CompactRange()
    for one in LEAVES[wanted.start : wanted.stop]:
        tree.append(one)
    return tree.root()


def checkpoint(size: int, key: SigningKey = KEY) -> str:
    return key.sign(Checkpoint(key.name, size, root(Range(0, size))).text())


def proof(ranges: list[Range]) -> str:
    from base64 import b64encode

    return json.dumps({"hashes": [b64encode(root(one)).decode() for one in ranges]})


def lines(log: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in log)


def check(folder: Path, *texts: str) -> tuple[int, str]:
    names = []
    for number, text in enumerate((f"{KEY.verifier}\n", *texts)):
        (folder / f"{number}.txt").write_text(text, encoding="utf-8")
        names.append(str(folder / f"{number}.txt"))
    done = subprocess.run([sys.executable, PROGRAM, *names], capture_output=True, text=True, check=False)
    return done.returncode, done.stderr.splitlines()[-1] if done.stderr else done.stdout


def test_every_action_is_told() -> None:
    told = [row.name for row in pages.rows(PAGE, "action")]
    assert told == [action.value for action in Action]


def test_every_kind_and_outcome_is_told() -> None:
    for word in (*ActorKind, *Outcome):
        assert f"`{word}`" in PAGE


def test_the_bounds_of_refusals_are_told() -> None:
    assert f"kept for {MOST_REPORTS} minutes" in PAGE
    assert f"more than {MOST_IN_A_MINUTE} different" in PAGE


def test_the_example_is_a_leaf_to_the_letter() -> None:
    assert leaf(EXAMPLE).decode() in PAGE


def test_the_program_stands_in_the_page() -> None:
    assert PROGRAM.read_text(encoding="utf-8") in PAGE


def test_an_export(tmp_path: Path) -> None:
    assert check(tmp_path, checkpoint(SIZE), lines(LOG)) == (0, f"as it was sealed: {SIZE} entries\n")
    assert check(tmp_path, checkpoint(5), lines(LOG))[0] == 0
    changed = [*LOG[:3], LOG[3] | {"outcome": "refused"}, *LOG[4:]]
    assert check(tmp_path, checkpoint(SIZE), lines(changed)) == (1, "AssertionError: an entry was altered")
    removed = [*LOG[:3], *LOG[4:]]
    assert "missing or out of order" in check(tmp_path, checkpoint(SIZE), lines(removed))[1]


@pytest.mark.parametrize("index", [0, 5, 12])
def test_an_entry(tmp_path: Path, index: int) -> None:
    proven = proof(inclusion_ranges(index, SIZE))
    assert check(tmp_path, checkpoint(SIZE), json.dumps(LOG[index]), proven)[0] == 0
    other = json.dumps(LOG[index] | {"outcome": "refused"})
    assert "not in the log" in check(tmp_path, checkpoint(SIZE), other, proven)[1]


@pytest.mark.parametrize("old", [1, 6, 8, 13])
def test_a_continuation(tmp_path: Path, old: int) -> None:
    proven = proof(consistency_ranges(old, SIZE))
    assert check(tmp_path, checkpoint(SIZE), checkpoint(old), proven)[0] == 0
    LEAVES[0], kept = LEAVES[1], LEAVES[0]
    other = checkpoint(old)
    LEAVES[0] = kept
    assert "not a continuation" in check(tmp_path, checkpoint(SIZE), other, proven)[1]


def test_a_forged_checkpoint(tmp_path: Path) -> None:
    forged = checkpoint(SIZE, SigningKey(KEY.name, Ed25519PrivateKey.generate()))
    assert "InvalidSignature" in check(tmp_path, forged, lines(LOG))[1]


def test_every_action_is_seen_in_a_trail_by_a_test() -> None:
    """Else an act could be done without being told, and nobody would notice."""
    tests = "".join(path.read_text(encoding="utf-8") for path in sorted(INTEGRATION.rglob("test_*.py")))
    assert [action for action in Action if f'"{action.value}"' not in tests] == []
