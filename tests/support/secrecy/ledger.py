"""The secrets of this test run."""

import base64
import json
import re
from urllib.parse import quote, quote_plus

LEAST = 10
"""Characters of a secret that is searched for. Shorter texts stand everywhere by chance."""
FEWEST = 5
"""Different characters of one: tests of bounds send passwords like ``xxxx…``, which stand in other tests, too."""
_WORD = re.compile("[a-z]{,16}")
"""A single word, as bad passwords are: it may stand anywhere in its own right."""


class Ledger:
    """Secrets by value, each with what it is. Adding one twice does no harm."""

    def __init__(self) -> None:
        self.kinds: dict[str, str] = {}

    def add(self, kind: str, value: str) -> None:
        if value.count(".") == 2 and value.startswith("eyJ"):
            value = value.rpartition(".")[2]  # what a token says is no secret, its signature is
        elif "-----BEGIN" in value:
            value = max(value.splitlines(), key=len)
        if len(value) >= LEAST and len(set(value)) >= FEWEST and not _WORD.fullmatch(value):
            self.kinds.setdefault(value, kind)

    def add_pair(self, kind: str, client_id: str, secret: str) -> None:
        """The credentials of HTTP Basic, which may also stand somewhere as they were sent."""
        self.add(kind, secret)
        if len(secret) >= LEAST:
            self.add(kind, base64.b64encode(f"{client_id}:{secret}".encode()).decode().rstrip("="))


def forms(value: str) -> set[bytes]:
    """The ways in which a text is written in logs and bodies: as it is, in JSON, in an address or a form."""
    quoted = (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1])
    return {
        text.encode()
        for text in (value, *quoted, quote(value, safe=""), quote_plus(value), repr(value)[1:-1])
    }
