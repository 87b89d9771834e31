"""The Merkle tree of RFC 6962 §2.1: hashes of leaves and nodes."""

from hashlib import sha256

HASH_BYTES = 32


def leaf_hash(leaf: bytes) -> bytes:
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()
