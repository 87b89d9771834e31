"""All that a search finds, as CSV and as JSON Lines."""

import csv
import io
import json
from typing import Any
from uuid import UUID

import pytest

from artstore.kernel.access import Principal
from artstore.kernel.database import DatabaseDown
from artstore.query.catalog.catalog import Catalog
from artstore.query.catalog.reading import CatalogReader
from artstore.query.search import export
from artstore.query.search.export import COLUMNS, OTHERS, ExportBroke, exported
from artstore.query.search.service import Page, Question
from artstore.wire.documents import SearchHit
from artstore.wire.search import ExportFormat
from tests.support.element_model import document
from tests.support.search_archive import Archive, principal

AWKWARD = ["=1+1", '"quoted", and\r\nbroken', "年度\u2028报告", "-5", "\ttab", "", " blank "]


@pytest.fixture
async def archive(catalog: Catalog, reader: CatalogReader, monkeypatch: pytest.MonkeyPatch) -> Archive:
    monkeypatch.setattr(export, "PAGE", 3)
    archive = Archive(catalog, reader)
    await archive.take(
        document(
            UUID(int=number + 1),
            name=f"word {number}.txt",
            description=text,
            tags=["a", text] if number % 2 else None,
            custom_attributes={text: [text, number, None]},
            kept_by_a_later_version={"x": text},
        )
        for number, text in enumerate(AWKWARD)
    )
    await archive.take([document(UUID(int=100), owner="other", name="word secret.txt")])
    return archive


async def export_of(archive: Archive, words: str, form: ExportFormat, **more: Any) -> str:
    question = archive.question(words)
    pieces = await exported(
        archive.search, question, principal("owner"), form=form, **{"for_spreadsheets": False, **more}
    )
    return b"".join([piece async for piece in pieces]).decode()


async def test_json_lines_have_what_pages_have(archive: Archive) -> None:
    text = await export_of(archive, "word", ExportFormat.JSONL)
    hits = [json.loads(line) for line in text.removesuffix("\n").split("\n")]
    page = await archive.search.page(archive.question("word"), principal("owner"))
    assert hits == [{**one.document, "element_id": "rw-01"} for one in page.found]
    assert len(hits) == len(AWKWARD)
    assert "secret" not in text


async def test_csv_has_every_value_as_it_was_given(archive: Archive) -> None:
    text = await export_of(archive, "word", ExportFormat.CSV)
    head, *rows = list(csv.reader(io.StringIO(text, newline="")))
    assert head == [*COLUMNS, OTHERS]
    page = await archive.search.page(archive.question("word"), principal("owner"))
    for row, one in zip(rows, page.found, strict=True):
        cells = {name: cell for name, cell in zip(head, row, strict=True) if cell}
        others = json.loads(cells.pop(OTHERS))
        read = {
            name: json.loads(cell) if name in ("tags", "metadata", "custom_attributes", "file_size") else cell
            for name, cell in cells.items()
        }
        given = {name: value for name, value in one.document.items() if value != ""}
        assert {**read, **others} == {**given, "element_id": "rw-01"}
        SearchHit.model_validate(read)


async def test_csv_for_spreadsheets_has_no_formulas(archive: Archive) -> None:
    text = await export_of(archive, "word", ExportFormat.CSV, for_spreadsheets=True)
    cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
    assert "'=1+1" in cells
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)


async def test_nothing_found(archive: Archive) -> None:
    assert await export_of(archive, "elephant", ExportFormat.JSONL) == ""
    assert await export_of(archive, "elephant", ExportFormat.CSV) == ",".join([*COLUMNS, OTHERS]) + "\r\n"


async def test_database_that_goes_away(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first piece the client gets the problem; after it, no end."""
    real = archive.search.page
    calls = 0

    async def page(question: Question, who: Principal) -> Page:
        nonlocal calls
        calls += 1
        if calls in (1, 4):
            raise DatabaseDown("for the test")
        return await real(question, who)

    monkeypatch.setattr(archive.search, "page", page)
    with pytest.raises(DatabaseDown):
        await export_of(archive, "word", ExportFormat.JSONL)
    with pytest.raises(ExportBroke):
        await export_of(archive, "word", ExportFormat.JSONL)
