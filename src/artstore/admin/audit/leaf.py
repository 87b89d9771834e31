"""The leaf of an entry: the bytes that are hashed, which anybody can make again from what the API shows.

A leaf is the JSON object of the entry in the form of RFC 8785 (JSON Canonicalization Scheme): the members
``action``, ``actor`` (``address``, ``id``, ``kind``, ``name``, ``request_id``), ``at``, ``details``,
``index``, ``outcome``, ``subject`` (``id``, ``kind``); all of them always, null where nothing is known;
``at`` in UTC with six digits of a second and a ``Z``. There are no fractions and no integers beyond 2^53-1,
and the names of members are ASCII. Under these rules Python's ``json.dumps(entry, sort_keys=True,
ensure_ascii=False, separators=(",", ":"))`` in UTF-8 is RFC 8785 to the letter.

These members never change: what a later version has to say beyond them goes into ``details``.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from artstore.admin.audit.entry import AuditEntry, Json

MAX_LEAF_BYTES: Final = 64 * 1024
_LARGEST_INTEGER: Final = 2**53 - 1
_REPLACEMENT: Final = "\ufffd"


class NotCanonical(ValueError):
    """The value is none that a leaf can hold."""


def members(entry: AuditEntry, index: int, at: datetime) -> dict[str, Any]:
    """The JSON object of an entry at its place in the log."""
    actor = entry.actor
    return {
        "action": entry.action.value,
        "actor": {
            "address": _text(actor.address),
            "id": _text(actor.id),
            "kind": actor.kind.value,
            "name": _text(actor.name),
            "request_id": _text(actor.request_id),
        },
        "at": moment(at),
        "details": keepable(entry.details),
        "index": index,
        "outcome": entry.outcome.value,
        "subject": {"id": storable(entry.subject_id), "kind": entry.subject_kind},
    }


def moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def leaf(entry: Mapping[str, Any]) -> bytes:
    """The canonical bytes of the JSON object of an entry. Raises NotCanonical."""
    _check(entry)
    encoded = json.dumps(entry, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    if len(encoded) > MAX_LEAF_BYTES:
        raise NotCanonical(f"an entry of {len(encoded)} bytes is larger than {MAX_LEAF_BYTES}")
    return encoded


def keepable(details: Mapping[str, Json]) -> dict[str, Json]:
    """Details as the database gives them back."""
    return {name: _kept(value) for name, value in details.items()}


def storable(text: str) -> str:
    """The text without what PostgreSQL or UTF-8 cannot hold: NUL, and halves of surrogate pairs."""
    return "".join(_REPLACEMENT if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in text)


def _text(value: str | None) -> str | None:
    return None if value is None else storable(value)


def _kept(value: Json) -> Json:
    if isinstance(value, str):
        return storable(str(value))  # of an enumeration too its text alone
    if isinstance(value, list):
        return [_kept(part) for part in value]
    if isinstance(value, dict):
        return {name: _kept(part) for name, part in value.items()}
    return value


def _check(value: object) -> None:
    match value:
        case None | bool() | str():
            pass
        case int():
            if abs(value) > _LARGEST_INTEGER:
                raise NotCanonical(f"the integer {value} is one that other languages cannot hold")
        case list():
            for part in value:
                _check(part)
        case Mapping():
            for name, part in value.items():
                if not isinstance(name, str) or not name.isascii():
                    raise NotCanonical(f"the name {name!r} of a member is not ASCII")
                _check(part)
        case _:
            raise NotCanonical(f"a leaf cannot hold a {type(value).__name__}")
