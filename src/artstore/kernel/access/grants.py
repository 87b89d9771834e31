"""The grants in an access token, in a form that costs few bytes: see ``wire.accounts.GRANTS_CLAIM``."""

import base64
import binascii
from collections.abc import Iterable, Mapping
from uuid import UUID

from artstore.wire.accounts import MAX_GRANTS

_READ, _WRITE = "r", "w"


class GrantsUnreadable(Exception):
    """The claim is none that Admin would write."""


def grants_claim(readable: Iterable[UUID], changeable: Iterable[UUID]) -> dict[str, list[str]] | None:
    """The value of the claim, or None where there is nothing to say. ``changeable`` includes ``readable``."""
    write = set(changeable)
    lists = {_READ: set(readable) - write, _WRITE: write}
    return {
        kind: [_short(owner) for owner in sorted(owners)] for kind, owners in lists.items() if owners
    } or None


def read_grants(claim: object) -> tuple[frozenset[str], frozenset[str]]:
    """The owners whose documents may be read, and changed, by their UUIDs. Raises GrantsUnreadable."""
    if claim is None:
        return frozenset(), frozenset()
    if not isinstance(claim, Mapping):
        raise GrantsUnreadable
    changeable = _owners(claim.get(_WRITE, []))
    return _owners(claim.get(_READ, [])) | changeable, changeable


def _owners(listed: object) -> frozenset[str]:
    if not isinstance(listed, list) or len(listed) > MAX_GRANTS:
        raise GrantsUnreadable
    return frozenset(_long(owner) for owner in listed)


def _short(owner: UUID) -> str:
    return base64.urlsafe_b64encode(owner.bytes).rstrip(b"=").decode("ascii")


def _long(owner: object) -> str:
    if not isinstance(owner, str):
        raise GrantsUnreadable
    try:
        return str(UUID(bytes=base64.b64decode(owner.encode("ascii") + b"==", altchars=b"-_", validate=True)))
    except (binascii.Error, ValueError) as error:
        raise GrantsUnreadable from error
