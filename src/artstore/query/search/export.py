"""All that a search finds as CSV or JSON Lines, page by page: in memory are those of one page only."""

import csv
import io
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import replace
from typing import Any

from artstore.kernel.access import Principal
from artstore.kernel.problems import Problem
from artstore.query.catalog.rows import hit
from artstore.query.search.service import Page, Question, Search
from artstore.wire.documents import SearchHit
from artstore.wire.search import ExportFormat

PAGE = 500
"""Documents that are read at once. Each page is a transaction of its own, so that a slow client holds
none."""
COLUMNS = tuple(SearchHit.model_fields)
OTHERS = "other_attributes"
"""The last column: members that have none of their own, as JSON."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What spreadsheets take for the beginning of a formula."""


class ExportBroke(Exception):
    """It cannot go on. The connection breaks, so that nobody takes a part for the whole."""


async def exported(
    search: Search, question: Question, principal: Principal, *, form: ExportFormat, for_spreadsheets: bool
) -> AsyncIterator[bytes]:
    """The pieces of the export. Raises Problem before there is a piece.

    Whoever goes on with it gets ExportBroke where it does not reach its end. It shows what was there when
    each page was read, and nothing twice.
    """
    question = replace(question, limit=PAGE, cursor=None)
    first = await search.page(question, principal)
    return _pieces(search, question, principal, first, _Csv(for_spreadsheets) if form == "csv" else _Lines())


async def _pieces(
    search: Search, question: Question, principal: Principal, page: Page, form: "_Csv | _Lines"
) -> AsyncIterator[bytes]:
    yield form.head()
    while True:
        yield form.rows(hit(one.document, one.mark.element_id) for one in page.found)
        if page.next_cursor is None:
            return
        try:
            page = await search.page(replace(question, cursor=page.next_cursor), principal)
        except Problem as problem:
            raise ExportBroke(f"an export ended before its end: {problem}") from problem


class _Lines:
    def head(self) -> bytes:
        return b""

    def rows(self, hits: Iterable[Mapping[str, Any]]) -> bytes:
        return b"".join(json.dumps(one, ensure_ascii=False).encode() + b"\n" for one in hits)


class _Csv:
    """RFC 4180. Lists and objects are JSON; what a document does not have is an empty cell."""

    def __init__(self, for_spreadsheets: bool) -> None:
        self._for_spreadsheets = for_spreadsheets

    def head(self) -> bytes:
        return _line([[*COLUMNS, OTHERS]])

    def rows(self, hits: Iterable[Mapping[str, Any]]) -> bytes:
        return _line(map(self._cells, hits))

    def _cells(self, one: Mapping[str, Any]) -> list[str]:
        others = {name: value for name, value in one.items() if name not in COLUMNS}
        return [self._cell(one.get(name)) for name in COLUMNS] + [self._cell(others or None)]

    def _cell(self, value: Any) -> str:
        if value is None:
            return ""
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return "'" + text if self._for_spreadsheets and text.startswith(_FORMULA) else text


def _line(rows: Iterable[list[str]]) -> bytes:
    written = io.StringIO(newline="")
    csv.writer(written).writerows(rows)
    return written.getvalue().encode()
