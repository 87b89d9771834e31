"""Going on with a download whose element broke off, at the byte where it did."""

import asyncio
import random
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property

from artstore.kernel.logging import get_logger
from artstore.kernel.problems import Problem
from artstore.query import metrics
from artstore.query.files.fetching import Asked, Fetcher, Opened
from artstore.query.files.locate import Whereabouts

_log = get_logger(__name__)
_MOST = 8
"""Elements that one download goes on from with next to nothing in between. Where more break off, something
else is wrong."""
_PROGRESS_BYTES = 64 * 1024
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 2.0
_KEPT = ("Accept-Encoding", "Range", "If-Range")
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


class Continuation:
    """For one download. Never passes on a byte of other bytes than the download began with.

    What is asked for is the rest of the bytes that the strong ETag of the beginning names; where they are not
    read by ranges (several ranges in one answer, compressed as stored), the same body once more, of which the
    beginning is dropped.
    """

    def __init__(
        self, fetcher: Fetcher, asked: Asked, where: Whereabouts, first: Opened, *, seconds: float
    ) -> None:
        """``seconds``: how long an element is looked for after each break."""
        self._fetcher = fetcher
        self._asked = asked
        self._where = where
        self._seconds = seconds
        self._first = first
        self._left = _MOST
        self._useless: set[str] = set()
        """Elements that gave other bytes, or broke off again where they had broken off before."""
        self._from = first.element_id
        self._since: int | None = None
        self._patient = False
        """Once an element was given up for its silence: the others may be as slow, and if each is given up so
        soon, the document never ends. From the next one on, bytes are waited for."""

    @cached_property
    def _head(self) -> "_Head":
        # Only then read when something broke off, which is seldom.
        return _Head(self._first)

    async def at(self, position: int, *, silent: bool = False) -> tuple[Opened, int] | None:
        """An answer that goes on, and how many of its bytes are to be dropped, after the body broke off at
        ``position``; None where there is none. The caller closes it.

        ``silent``: it did not break, but nothing came for so long that it was given up.
        """
        if not self._head.is_continuable:
            return None
        self._patient = self._patient or silent
        if position == self._since:
            self._useless.add(self._from)
        elif position - (self._since or 0) >= _PROGRESS_BYTES:
            # Who is slow, but goes on, may break off as often as it likes.
            self._left = _MOST
        if self._left == 0:
            return None
        self._left -= 1
        broken, self._since = self._from, position
        found = None
        with suppress(TimeoutError):
            async with asyncio.timeout(self._seconds):
                found = await self._found(position, broken)
        if found is None:
            return None
        opened, _ = found
        metrics.DOWNLOADS_CONTINUED.labels("same" if opened.element_id == broken else "other").inc()
        _log.info(
            "a download goes on", file_id=str(self._asked.file_id), position=position, at=opened.element_id
        )
        self._from = opened.element_id
        return found

    async def _found(self, position: int, broken: str) -> tuple[Opened, int] | None:
        # The one that broke off comes last: mostly it is gone, and has just begun to start again.
        known = list(await self._where.known())
        others = [element_id for element_id in known if element_id != broken]
        pause = _FIRST_PAUSE_SECONDS
        while True:
            found, silent = await self._ask([*others, broken], position)
            if found is not None or not silent:
                return found
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            with suppress(Problem):
                now = await self._where.asked()
                others += [one for one in now if one != broken and one not in others]

    async def _ask(self, element_ids: Sequence[str], position: int) -> tuple[tuple[Opened, int] | None, bool]:
        """What goes on, and whether asking again may help where nothing does."""
        asked, dropped = self._head.rest(self._asked, position)
        silent = False
        for element_id in element_ids:
            if element_id in self._useless:
                continue
            tried = await self._fetcher.ask(
                asked, [element_id], hurried=len(element_ids) > 1, patient=self._patient
            )
            silent = silent or tried.silent
            if tried.opened is None or tried.opened.may_answer_soon:
                refused = tried.opened or tried.refusal
                silent = silent or (refused is not None and refused.may_answer_soon)
                tried.close()
            elif self._head.is_continued_by(tried.opened, position, dropped):
                return (tried.opened, dropped), False
            else:
                tried.close()
                self._useless.add(element_id)
        return None, silent


class _Head:
    """What the download began with."""

    def __init__(self, first: Opened) -> None:
        headers = first.answer.headers
        self._status = first.answer.status
        self._tag = headers.get("ETag", "")
        self._coding = headers.get("Content-Encoding")
        self._type = headers.get("Content-Type")
        length = headers.get("Content-Length", "")
        self._length = int(length) if length.isdecimal() else 0
        self._start, self._total = 0, self._length
        self._by_range = self._coding is None
        if self._status == 206:
            one = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
            self._by_range = one is not None
            if one is not None:
                self._start, self._total = int(one[1]), int(one[3])

    @property
    def is_continuable(self) -> bool:
        return self._status in (200, 206) and self._tag.startswith('"') and self._length > 0

    def rest(self, asked: Asked, position: int) -> tuple[Asked, int]:
        """How to ask for what is missing, and how much of the answer is not missing."""
        if self._by_range:
            wanted = f"bytes={self._start + position}-{self._start + self._length - 1}"
            return replace(asked, conditions={"Range": wanted, "If-Match": self._tag}), 0
        # The same question, but for conditions that hold no more once they were met.
        kept = {name: value for name, value in asked.conditions.items() if name in _KEPT}
        return replace(asked, conditions={**kept, "If-Match": self._tag}), position

    def is_continued_by(self, opened: Opened, position: int, dropped: int) -> bool:
        answer, headers = opened.answer, opened.answer.headers
        if headers.get("ETag") != self._tag or headers.get("Content-Encoding") != self._coding:
            return False
        length = headers.get("Content-Length")
        if not self._by_range:
            same = answer.status == self._status and headers.get("Content-Type") == self._type
            return same and length == str(self._length)
        first, last = self._start + position, self._start + self._length - 1
        expected = f"bytes {first}-{last}/{self._total}"
        return (
            answer.status == 206
            and headers.get("Content-Range") == expected
            and length == str(last - first + 1)
        )
