"""One pass over a file for thousands of secrets, and for what looks like one."""

import mmap
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.secrecy.ledger import LEAST, forms

_RUN = re.compile(rb"[A-Za-z0-9_-]{%d,}" % LEAST)
_REMEMBERED = 1_000_000
_ID = b"0123456789abcdef-"
"""Ids of requests, traces and documents, of which logs are full, consist of these: so does no secret, usually."""

# What is a secret by its looks, whether anybody noted it or not. Each begins with letters, which is what makes it fast.
_LOOKS = {
    "a signed token": re.compile(rb"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{16,}"),
    "a private key": re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a password in an address": re.compile(rb"://[^/\s:@\"']*:[^/\s@\"'\[<*]{3,}@"),
    "credentials of a header": re.compile(
        rb"[Aa]uthorization[^\w\n]{1,6}(?i:basic|bearer)\s+[\w+/=.~-]{16,}"
    ),
    "a one-time code": re.compile(rb"code(?<!\wcode)[\"']?\s*[:=]\s*[\"']?\d{6}\b"),
}


@dataclass(frozen=True, order=True)
class Finding:
    path: Path
    line: int
    kind: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.kind}"


class Searcher:
    """Finds ``secrets``, which are values with their kinds.

    The text is cut into runs of the characters that generated secrets are made of, and each run that was not seen
    before is looked through for the first ``LEAST`` characters of a secret. The few secrets that have no such run in
    them, as passwords of people, are searched for one by one.
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._heads: dict[bytes, list[tuple[bytes, int, str]]] = defaultdict(list)
        self._others: list[tuple[bytes, str]] = []
        for value, kind in secrets.items():
            for form in forms(value):
                if (run := _RUN.search(form)) is not None:
                    self._heads[form[run.start() : run.start() + LEAST]].append((form, run.start(), kind))
                else:
                    self._others.append((form, kind))
        self._ids_are_none = all(head.strip(_ID) for head in self._heads)
        self._harmless: set[bytes] = set()

    def search(self, path: Path) -> list[Finding]:
        """In the order of lines; of each line a kind once."""
        with path.open("rb") as stream:
            if stream.seek(0, 2) == 0:
                return []
            with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as text:
                found = set(self._places(text))
                return sorted({Finding(path, text[:at].count(b"\n") + 1, kind) for at, kind in found})

    def _places(self, text: mmap.mmap) -> Iterator[tuple[int, str]]:
        for kind, look in _LOOKS.items():
            for match in look.finditer(text):
                yield match.start(), kind
        for form, kind in self._others:
            at = -1
            while (at := text.find(form, at + 1)) >= 0:
                yield at, kind
        for match in _RUN.finditer(text):
            run = match.group()
            if run in self._harmless or (self._ids_are_none and not run.strip(_ID)):
                continue
            harmless = True
            for offset in range(len(run) - LEAST + 1):
                for form, before, kind in self._heads.get(run[offset : offset + LEAST], ()):
                    harmless = False
                    at = match.start() + offset - before
                    if at >= 0 and text[at : at + len(form)] == form:
                        yield at, kind
            if harmless:
                self._remember(run)

    def _remember(self, run: bytes) -> None:
        if len(self._harmless) >= _REMEMBERED:
            self._harmless.clear()
        self._harmless.add(run)
