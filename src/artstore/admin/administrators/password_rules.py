"""Which passwords are refused: too short, known from breaches, of a simple pattern, or with the own name.

No rule about kinds of characters: these make passwords no better (NIST SP 800-63B). What is compared with the
list of common passwords is also the *core* of a password: without what people add to get past a rule, and
with letters for the digits and signs that look like them.

Where the list comes from stands in ``common_passwords.md``.
"""

import re
import unicodedata
from functools import cache
from importlib.resources import files
from itertools import pairwise

from artstore.wire.administrators import PASSWORD_LEAST, PASSWORD_MOST

_LEAST_CHARACTERS = 5
"""Different ones that a password has."""
_MOST_FOLLOWING = 0.7
"""Part of the characters that may be a neighbour of the one before, in alphabet or keyboard, or the same."""
_LEAST_NAME = 4
"""Shorter names stand in too many words."""
_ROWS = (
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "1234567890",
    "qwertzuiop",
    "azertyuiop",
    "йцукенгшщзхъ",
    "фывапролджэ",
)
_NEIGHBOURS = {pair for row in _ROWS for one, two in pairwise(row) for pair in (one + two, two + one)}
_LETTERS = str.maketrans("0134578@$!", "oieastbasi")


def normal_form(password: str) -> str:
    """The text that is hashed: what looks the same is the same, on whatever keyboard it was written."""
    return unicodedata.normalize("NFKC", password)


def weakness(password: str, *names: str) -> str | None:
    """Why a password is refused, as a sentence that says what to do; None for one that is good.

    ``password`` is in its normal form; ``names`` are what the person is called.
    """
    if len(password) < PASSWORD_LEAST:
        return f"The password has fewer than {PASSWORD_LEAST} characters. Take several words in a row."
    if len(password) > PASSWORD_MOST:
        return f"The password has more than {PASSWORD_MOST} characters."
    folded = password.casefold()
    if _is_common(folded):
        return "The password is one of those that are tried first, or one with little added. Choose another."
    if _is_pattern(folded):
        return "The password follows a simple pattern (a row, a repetition). Choose another."
    if any(name in folded for name in _parts(names)):
        return "The password has your name in it. Choose another."
    return None


def _is_common(folded: str) -> bool:
    common = _common()
    forms = {folded, _core(folded), _core(folded.translate(_LETTERS)), _core(folded).translate(_LETTERS)}
    return not forms.isdisjoint(common)


def _core(text: str) -> str:
    """Without digits and signs at both ends."""
    return re.sub(r"^[\W\d_]+|[\W\d_]+$", "", text)


def _is_pattern(folded: str) -> bool:
    if len(set(folded)) < _LEAST_CHARACTERS:
        return True
    if (folded + folded).find(folded, 1) < len(folded):  # something shorter, repeated
        return True
    pairs = list(pairwise(folded))
    following = sum(abs(ord(two) - ord(one)) <= 1 or one + two in _NEIGHBOURS for one, two in pairs)
    return following > _MOST_FOLLOWING * len(pairs)


def _parts(names: tuple[str, ...]) -> list[str]:
    """Each name and each word of it."""
    words = [part for name in names for part in (name.casefold(), *re.split(r"[\W_]+", name.casefold()))]
    return [word for word in words if len(word) >= _LEAST_NAME]


@cache
def _common() -> frozenset[str]:
    return frozenset(files(__package__).joinpath("common_passwords.txt").read_text("utf-8").split())
