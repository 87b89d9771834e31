"""Signed notes (C2SP signed-note) with Ed25519, and checkpoints in them (C2SP tlog-checkpoint)."""

import base64
import binascii
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from artstore.admin.audit.tree import HASH_BYTES

_ED25519: Final = b"\x01"
_SIGNATURE: Final = "\u2014 "
_MAX_NOTE_CHARACTERS: Final = 64 * 1024


class NoteInvalid(ValueError):
    """The note, checkpoint or verifier key is none, or nobody who is known has signed it."""


@dataclass(frozen=True)
class VerifierKey:
    """The public part of a key: ``name+hash+base64``."""

    name: str
    public: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises NoteInvalid."""
        name, _, rest = text.strip().partition("+")
        key_hash, _, encoded = rest.partition("+")
        typed = _decoded(encoded)
        key = cls(name, typed[1:])
        if not _is_name(name) or typed[:1] != _ED25519 or len(typed) != 33 or key.hash.hex() != key_hash:
            raise NoteInvalid("a verifier key reads name+hash+base64, of an Ed25519 key")
        return key

    @property
    def hash(self) -> bytes:
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.hash.hex()}+{_encoded(_ED25519 + self.public)}"


@dataclass(frozen=True)
class SigningKey:
    """A key with its private part."""

    name: str
    private: Ed25519PrivateKey = field(repr=False)

    @property
    def verifier(self) -> VerifierKey:
        return VerifierKey(self.name, self.private.public_key().public_bytes_raw())

    def sign(self, text: str) -> str:
        """The signed note of a text, which ends with a newline."""
        signature = self.verifier.hash + self.private.sign(text.encode())
        return f"{text}\n{_SIGNATURE}{self.name} {_encoded(signature)}\n"


@dataclass(frozen=True)
class Checkpoint:
    """The head of a log at one size."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{_encoded(self.root)}\n"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Of the text of a note; further lines are allowed. Raises NoteInvalid."""
        lines = text.split("\n")
        if len(lines) < 4 or not lines[0] or lines[-1] != "":
            raise NoteInvalid("a checkpoint has a line each for origin, size and root")
        origin, size, root = lines[0], lines[1], _decoded(lines[2])
        if not (size.isascii() and size.isdecimal() and len(size) < 20) or (size[0] == "0" and size != "0"):
            raise NoteInvalid(f"{size[:40]!r} is no size of a log")
        if len(root) != HASH_BYTES:
            raise NoteInvalid("the root of a checkpoint is a SHA-256")
        return cls(origin, int(size), root)


def open_checkpoint(note: str, key: VerifierKey) -> Checkpoint:
    """The checkpoint in a note that the key has signed, of the log that the key is named after.

    Raises NoteInvalid.
    """
    checkpoint = Checkpoint.parse(open_note(note, key))
    if checkpoint.origin != key.name:
        raise NoteInvalid(f"the checkpoint is of the log {checkpoint.origin!r}, not of {key.name!r}")
    return checkpoint


def open_note(note: str, key: VerifierKey) -> str:
    """The text of a note, if the key has signed it, whoever else has. Raises NoteInvalid."""
    if len(note) > _MAX_NOTE_CHARACTERS:
        raise NoteInvalid("the note is too long")
    text, separator, signatures = note.rpartition("\n\n")
    if not separator or not signatures.endswith("\n"):
        raise NoteInvalid("a signed note is a text, an empty line, and signatures")
    text += "\n"
    for line in signatures.removesuffix("\n").split("\n"):
        name, _, encoded = line.removeprefix(_SIGNATURE).partition(" ")
        if not line.startswith(_SIGNATURE) or not _is_name(name):
            raise NoteInvalid("a line of signature cannot be read")
        signature = _decoded(encoded)
        if name == key.name and signature[:4] == key.hash:
            try:
                Ed25519PublicKey.from_public_bytes(key.public).verify(signature[4:], text.encode())
            except InvalidSignature:
                raise NoteInvalid(f"the signature of {key.name} is wrong") from None
            return text
    raise NoteInvalid(f"the note is not signed by {key.name}+{key.hash.hex()}")


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(character.isspace() for character in name)


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _decoded(text: str) -> bytes:
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        decoded = b""
    if not decoded or _encoded(decoded) != text:  # else one signature could be written in several ways
        raise NoteInvalid("what should be Base64 is not")
    return decoded
