"""The header ``Idempotency-Key`` of a request."""

import re
from typing import Final

from starlette.datastructures import Headers

from artstore.kernel.problems import Problem
from artstore.wire.headers import IDEMPOTENCY_KEY
from artstore.wire.problems import ProblemType

MOST_CHARACTERS: Final = 255
_KEY = re.compile(r'"([\x20\x21\x23-\x5b\x5d-\x7e]+)"|([\x21\x23-\x5b\x5d-\x7e]+)')
"""A string of RFC 9651 §3.3.3, without escapes; or, as many clients send it, the same without the quotes."""


def idempotency_key(headers: Headers) -> str | None:
    """None where the request has none. Raises Problem INVALID_PARAMETER for one that cannot be a key."""
    given = headers.getlist(IDEMPOTENCY_KEY)
    if not given:
        return None
    found = _KEY.fullmatch(given[0].strip())
    if found is None or len(given) > 1 or len(key := found[1] or found[2]) > MOST_CHARACTERS:
        raise Problem(
            ProblemType.INVALID_PARAMETER,
            f"The header {IDEMPOTENCY_KEY} must be one string of at most {MOST_CHARACTERS} visible ASCII"
            " characters without quotes and backslashes, such as a UUID.",
            field=IDEMPOTENCY_KEY,
        )
    return key
