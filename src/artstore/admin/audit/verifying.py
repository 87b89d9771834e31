"""Checking the whole log from what can be read of it: every leaf is hashed again, every checkpoint compared.

It needs no trust in the database, nor in the hashes that lie there: only in the verifier key, and, where the
whole log may have been replaced, in a checkpoint that was kept elsewhere.
"""

import base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import merge
from typing import Any

from artstore.admin.audit.leaf import NotCanonical, leaf
from artstore.admin.audit.note import Checkpoint, NoteInvalid, VerifierKey, open_checkpoint
from artstore.admin.audit.tree import CompactRange, leaf_hash


@dataclass(frozen=True)
class Sealed:
    """A checkpoint to compare with. ``size``: what its place in the log says, None for one kept elsewhere."""

    source: str
    note: str
    size: int | None = None


@dataclass(frozen=True)
class Fault:
    """The first thing that is wrong. ``first`` is the first entry that was altered, as far as can be said;
    ``last`` follows where it can only be said that it is one of several."""

    kind: str
    what: str
    first: int | None = None
    last: int | None = None


@dataclass(frozen=True)
class Outcome:
    entries: int
    """That were read; at a fault, those before it."""
    sealed: int
    """How many of them are sealed by a checkpoint that was compared."""
    checkpoints: int
    root: bytes
    fault: Fault | None


class _Found(Exception):
    def __init__(self, fault: Fault) -> None:
        self.fault = fault


class LogCheck:
    """Reads the log from its first entry. ``own`` are the checkpoints of the log itself, the smallest first;
    ``kept`` those from elsewhere, in any order."""

    def __init__(self, key: VerifierKey, own: Iterable[Sealed], kept: Iterable[Sealed] = ()) -> None:
        self._key = key
        self._own = own
        self._kept = kept
        self._tree = CompactRange()
        self._sealed = 0
        self._kept_sealed = 0
        self._compared = 0

    def run(self, entries: Iterable[Any]) -> Outcome:
        """Checks up to the first fault. An entry is the JSON object of the API, with ``leaf_hash``."""
        try:
            self._run(entries)
        except _Found as found:
            return self._outcome(found.fault)
        return self._outcome(None)

    def _run(self, entries: Iterable[Any]) -> None:
        kept = sorted((self._opened(sealed) for sealed in self._kept), key=_size)
        own = (self._opened(sealed) for sealed in self._own)
        ahead = merge(_ascending(own), kept, key=_size)
        waiting = next(ahead, None)
        for entry in entries:
            # A checkpoint of nothing at all seals no entry, and is compared with the empty tree.
            while waiting is not None and waiting[0].size == self._tree.size:
                self._compare(*waiting)
                waiting = next(ahead, None)
            self._take(entry)
        while waiting is not None:
            self._compare(*waiting)
            waiting = next(ahead, None)

    def _opened(self, sealed: Sealed) -> tuple[Checkpoint, Sealed]:
        try:
            checkpoint = open_checkpoint(sealed.note, self._key)
        except NoteInvalid as e:
            raise _Found(Fault("checkpoint", f"{sealed.source} is not good: {e}")) from e
        if sealed.size not in (None, checkpoint.size):
            what = f"{sealed.source} seals {checkpoint.size} entries, not {sealed.size}"
            raise _Found(Fault("checkpoint", what))
        return checkpoint, sealed

    def _take(self, entry: Any) -> None:
        index = self._tree.size
        if not isinstance(entry, dict):
            raise _Found(Fault("altered", f"entry {index} is no JSON object", index))
        members = dict(entry)
        stored, found = members.pop("leaf_hash", None), members.get("index")
        if found != index or isinstance(found, bool):
            raise _Found(_misplaced(index, found))
        try:
            hashed = leaf_hash(leaf(members))
        except NotCanonical as e:
            raise _Found(Fault("altered", f"entry {index} was altered: {e}", index)) from e
        if stored != base64.b64encode(hashed).decode("ascii"):
            what = f"entry {index} was altered: its content has not the hash that it was appended with"
            raise _Found(Fault("altered", what, index))
        self._tree.append(hashed)

    def _compare(self, checkpoint: Checkpoint, sealed: Sealed) -> None:
        size, source, is_kept = self._tree.size, sealed.source, sealed.size is None
        if checkpoint.size > size:
            what = f"entry {size} and what follows is gone: {source} seals {checkpoint.size} entries"
            raise _Found(Fault("missing", what, size, checkpoint.size - 1))
        if checkpoint.root != self._tree.root():
            # A log that was replaced agrees with its own checkpoints, so they are nothing beside a kept one.
            first, last = min(self._kept_sealed if is_kept else self._sealed, size - 1), size - 1
            several = f"one or more of the entries {first} to {last}" if last > first else f"entry {first}"
            raise _Found(Fault("altered", f"{several} is not what {source} seals", first, last))
        self._sealed, self._compared = size, self._compared + 1
        if is_kept:
            self._kept_sealed = size

    def _outcome(self, fault: Fault | None) -> Outcome:
        return Outcome(self._tree.size, self._sealed, self._compared, self._tree.root(), fault)


def _misplaced(expected: int, found: object) -> Fault:
    if isinstance(found, int) and not isinstance(found, bool) and found > expected:
        what = f"entry {expected} is missing: after entry {expected - 1} comes entry {found}"
        return Fault("missing", what, expected, found - 1)
    return Fault("order", f"entry {expected} is not in its place: entry {found!r} stands there", expected)


def _size(opened: tuple[Checkpoint, Sealed]) -> int:
    return opened[0].size


def _ascending(checkpoints: Iterator[tuple[Checkpoint, Sealed]]) -> Iterator[tuple[Checkpoint, Sealed]]:
    last = -1
    for checkpoint, sealed in checkpoints:
        if checkpoint.size <= last:
            what = f"{sealed.source} is not in its place among the checkpoints"
            raise _Found(Fault("checkpoint", what))
        last = checkpoint.size
        yield checkpoint, sealed
