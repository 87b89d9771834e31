"""Checks the audit trail by docs/audit/README.md alone. Exit code 1: something does not fit.

check_audit.py KEY CHECKPOINT export.jsonl             the export begins with what the checkpoint seals
check_audit.py KEY CHECKPOINT entry.json proof.json    the entry is among what the checkpoint seals
check_audit.py KEY CHECKPOINT OLDER      proof.json    the older checkpoint seals the beginning of it
"""

import json
import sys
from base64 import b64decode
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def opened(note, verifier_key):
    """Size and root of a checkpoint, once its signature has been verified."""
    name, key_hash, encoded = verifier_key.strip().split("+", 2)
    key = b64decode(encoded)  # 0x01 for Ed25519, then the key
    assert sha256(f"{name}\n".encode() + key).hexdigest()[:8] == key_hash, "the key is damaged"
    text, _, signatures = note.rpartition("\n\n")
    own = next(line for line in signatures.splitlines() if line.startswith(f"\u2014 {name} "))
    Ed25519PublicKey.from_public_bytes(key[1:]).verify(b64decode(own.split(" ")[2])[4:], f"{text}\n".encode())
    origin, size, root = text.split("\n")[:3]
    assert origin == name, "the checkpoint is of another log"
    return int(size), b64decode(root)


def leaf_hash(entry):
    members = {name: value for name, value in entry.items() if name != "leaf_hash"}
    leaf = json.dumps(members, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return sha256(b"\x00" + leaf.encode()).digest()


def node(left, right):
    return sha256(b"\x01" + left + right).digest()


def split(size):
    return 1 << (size - 1).bit_length() - 1


def tree(hashes):
    k = split(len(hashes)) if len(hashes) > 1 else 0
    return node(tree(hashes[:k]), tree(hashes[k:])) if k else (hashes or [sha256().digest()])[0]


def included(leaf, index, size, path):
    """The root that follows from a leaf and its proof (RFC 6962 2.1.1)."""
    if size == 1:
        return leaf
    k, sibling = split(size), path.pop()
    if index < k:
        return node(included(leaf, index, k, path), sibling)
    return node(sibling, included(leaf, index - k, size - k, path))


def continued(old, new, path, known):
    """Both roots that follow from a proof (RFC 6962 2.1.2); ``known``: the old root while it is whole."""
    if old == new:
        return (known or path.pop(),) * 2
    k, sibling = split(new), path.pop()
    if old <= k:
        before, after = continued(old, k, path, known)
        return before, node(after, sibling)
    before, after = continued(old - k, new - k, path, None)
    return node(sibling, before), node(sibling, after)


key, checkpoint, first, *proof = (Path(name).read_text(encoding="utf-8") for name in sys.argv[1:])
size, root = opened(checkpoint, key)
path = [b64decode(one) for one in json.loads(proof[0])["hashes"]] if proof else []
if not proof:
    entries = [json.loads(line) for line in first.strip("\n").split("\n")[:size]]
    assert [entry["index"] for entry in entries] == list(range(size)), "an entry is missing or out of order"
    assert tree([leaf_hash(entry) for entry in entries]) == root, "an entry was altered"
elif first.startswith("{"):
    entry = json.loads(first)
    assert included(leaf_hash(entry), entry["index"], size, path) == root, "the entry is not in the log"
else:
    old_size, old_root = opened(first, key)
    assert continued(old_size, size, path, old_root) == (old_root, root), "the log is not a continuation"
assert not path or not proof, "the proof is too long"
print(f"as it was sealed: {size} entries")
