"""How a client id is made from an account's name."""

import re
import secrets
import unicodedata

_SLUG_CHARACTERS = 32


def new_client_id(name: str) -> str:
    """``sa_<slug>_<random>``: a person recognises the account, and two ids are never the same.

    The slug is ASCII, since client ids go into HTTP Basic, where other characters are read in several ways;
    a name without any ASCII letter or digit becomes ``account``.
    """
    return f"sa_{_slug(name)}_{secrets.token_hex(6)}"


def _slug(name: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii")
    words = re.sub(r"[^a-z0-9]+", "-", ascii_only.lower())
    return words[:_SLUG_CHARACTERS].strip("-") or "account"
