"""In which form a document is sent: its original bytes, or the coded ones that are stored.

The client tells by ``Accept-Encoding`` what it takes (RFC 9110 §12.5.3).
"""

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request

from artstore.attributes import FileAttributes
from artstore.engine.coding import Coding, coding_named

_CODING = re.compile(
    r"([!#$%&'*+\-.^_`|~0-9A-Za-z]+)[ \t]*(?:;[ \t]*[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?[ \t]*"
)
_MOST_CHARACTERS = 1000


@dataclass(frozen=True, slots=True)
class Representation:
    """``coding`` None: the original bytes."""

    size: int
    checksum: str
    coding: Coding | None = None

    @property
    def tag(self) -> str:
        """A strong ETag: the same bytes have the same wherever they lie, other ones another (§8.8.3)."""
        return f'"{self.checksum}"'

    @property
    def digest(self) -> str:
        """``Repr-Digest`` (RFC 9530): of the whole representation, also in an answer that carries a part."""
        return f"sha-256=:{b64encode(bytes.fromhex(self.checksum)).decode()}:"


def original(attributes: FileAttributes) -> Representation:
    return Representation(attributes.file_size, attributes.checksum)


def acceptable(request: Request, attributes: FileAttributes) -> Sequence[Representation]:
    """The forms that the client takes, the one first that it prefers; never none.

    Who takes none of them gets the original bytes all the same (§12.1).
    """
    plain = original(attributes)
    coding = None if attributes.content_encoding is None else coding_named(attributes.content_encoding)
    if coding is None:
        return (plain,)
    coded = Representation(attributes.size_on_disk, attributes.checksum_on_disk, coding)
    lines = request.headers.getlist("accept-encoding")
    weights = weights_of(",".join(lines)) if lines else {"identity": 1.0}
    weight = weights.get(coding, weights.get("*", 0.0))
    identity = weights.get("identity", weights.get("*"))
    if weight == 0.0:
        return (plain,)
    if identity == 0.0:
        return (coded,)
    # Not named, the original bytes are acceptable, and what is named is better.
    return (plain, coded) if identity is not None and identity > weight else (coded, plain)


def weights_of(accept_encoding: str) -> dict[str, float]:
    """What the header says of each coding; what cannot be read says nothing."""
    weights: dict[str, float] = {}
    for member in accept_encoding[:_MOST_CHARACTERS].split(","):
        found = _CODING.fullmatch(member.strip(" \t"))
        if found is not None:
            name = found[1].lower()
            weights["gzip" if name == "x-gzip" else name] = float(found[2] or 1)
    return weights
