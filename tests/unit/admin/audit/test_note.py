"""Signed notes and checkpoints: the forms of C2SP, and everything that is none."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from artstore.admin.audit.note import (
    Checkpoint,
    NoteInvalid,
    SigningKey,
    VerifierKey,
    open_checkpoint,
    open_note,
)

PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
"""Key and note of the example in the package that the form comes from (golang.org/x/mod/sumdb/note)."""
PETERS_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
KEY = SigningKey("log.example/audit", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
NOTE = KEY.sign(Checkpoint("log.example/audit", 7, bytes(32)).text())


def test_a_note_of_somebody_else() -> None:
    key = VerifierKey.parse(PETER)
    assert str(key) == PETER
    assert open_note(PETERS_NOTE, key).endswith("what your problem is.\n")


def test_a_checkpoint_as_it_reads() -> None:
    lines = NOTE.split("\n")
    assert lines[:4] == ["log.example/audit", "7", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", ""]
    assert lines[4].startswith("\u2014 log.example/audit ")
    assert open_checkpoint(NOTE, KEY.verifier) == Checkpoint("log.example/audit", 7, bytes(32))


def test_a_cosignature_is_no_hindrance() -> None:
    witness = SigningKey("witness.example", Ed25519PrivateKey.generate())
    text = open_note(NOTE, KEY.verifier)
    assert open_checkpoint(NOTE + witness.sign(text).rpartition("\n\n")[2], KEY.verifier).size == 7


@pytest.mark.parametrize(
    "key",
    [
        SigningKey("log.example/audit", Ed25519PrivateKey.generate()),
        SigningKey("other.example", KEY.private),
    ],
)
def test_a_forged_checkpoint(key: SigningKey) -> None:
    with pytest.raises(NoteInvalid, match="not signed by log"):
        open_checkpoint(key.sign(Checkpoint("log.example/audit", 7, bytes(32)).text()), KEY.verifier)


def test_another_log_of_the_same_key() -> None:
    with pytest.raises(NoteInvalid, match="of the log 'elsewhere'"):
        open_checkpoint(KEY.sign(Checkpoint("elsewhere", 7, bytes(32)).text()), KEY.verifier)


@given(st.integers(0, len(NOTE) - 1), st.characters(codec="utf-8"))
def test_a_changed_character_is_noticed(at: int, character: str) -> None:
    if NOTE[at] != character:
        with pytest.raises(NoteInvalid):
            open_checkpoint(NOTE[:at] + character + NOTE[at + 1 :], KEY.verifier)


@given(st.text())
def test_no_note(text: str) -> None:
    with pytest.raises(NoteInvalid):
        open_checkpoint(text, KEY.verifier)
    with pytest.raises(NoteInvalid):
        VerifierKey.parse(text)


@pytest.mark.parametrize("size", ["07", "-1", "1.0", "", "٣", "9" * 30])
def test_sizes_that_are_none(size: str) -> None:
    note = KEY.sign(f"log.example/audit\n{size}\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n")
    with pytest.raises(NoteInvalid):
        open_checkpoint(note, KEY.verifier)
