"""The public keys with which an account may authenticate itself (``private_key_jwt``)."""

from typing import Any, Final

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from artstore.kernel.access.keys import key_bits
from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType

_KEPT: Final = {
    "RSA": ("kty", "n", "e"),
    "EC": ("kty", "crv", "x", "y"),
    "OKP": ("kty", "crv", "x"),
}
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_LEAST_RSA_BITS = 2048
_MOST_RSA_BITS = 8192
_MAX_KID = 128

PublicKey = RSAKey | ECKey | OKPKey


def read_public_keys(keys: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """The keys reduced to what is needed of them. Raises Problem INVALID_PARAMETER."""
    read = [_read(index, key) for index, key in enumerate(keys or [])]
    named = [key["kid"] for key in read if "kid" in key]
    if len(named) != len(set(named)):
        raise _refused("Two keys have the same kid.")
    return read


def algorithms_of(key: dict[str, Any]) -> tuple[str, ...]:
    """The algorithms that an assertion signed with this key may name."""
    return {"RSA": ("RS256", "PS256"), "EC": ("ES256",), "OKP": ("EdDSA", "Ed25519")}[key["kty"]]


def import_public_key(key: dict[str, Any]) -> PublicKey:
    """A key that ``read_public_keys`` returned."""
    kinds: dict[str, type[PublicKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
    return kinds[key["kty"]].import_key({name: key[name] for name in _KEPT[key["kty"]]})


def _read(index: int, key: dict[str, Any]) -> dict[str, Any]:
    kind = key.get("kty")
    if not isinstance(kind, str) or kind not in _KEPT:
        raise _refused(f"Key {index} has none of the types RSA, EC, OKP.")
    if _PRIVATE.intersection(key):
        raise _refused(
            f"Key {index} has a private part; keep that to yourself and send the public one alone."
        )
    if key.get("use", "sig") != "sig":
        raise _refused(f"Key {index} is not for signatures.")
    kept = {name: key.get(name) for name in _KEPT[kind]}
    kid = key.get("kid")
    if kid is not None:
        if (
            not isinstance(kid, str)
            or not 0 < len(kid) <= _MAX_KID
            or not kid.isascii()
            or not kid.isprintable()
        ):
            raise _refused(f"Key {index} has a kid that is no text of 1 to {_MAX_KID} ASCII characters.")
        kept["kid"] = kid
    try:
        _demand_strong(index, kept)
        import_public_key(kept)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise _refused(f"Key {index} cannot be read.") from error
    return kept


def _demand_strong(index: int, key: dict[str, Any]) -> None:
    """Before it is imported: the library only warns of weak keys, and takes its time for huge ones."""
    if key["kty"] == "RSA":
        bits = key_bits(key["n"])
        if not _LEAST_RSA_BITS <= bits <= _MOST_RSA_BITS:
            raise _refused(f"Key {index} has {bits} bits; {_LEAST_RSA_BITS} to {_MOST_RSA_BITS} are taken.")
    elif key["crv"] not in ("P-256", "Ed25519"):
        raise _refused(f"Key {index} is on none of the curves P-256 and Ed25519.")


def _refused(detail: str) -> Problem:
    return Problem(ProblemType.INVALID_PARAMETER, detail, field="keys")
