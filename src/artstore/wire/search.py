"""What is asked of a search, and what it answers beside documents."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, Field, model_validator

from artstore.wire.documents import SearchHit
from artstore.wire.search_filters import BodyAttributes, SearchFilters, Text, UrlAttributes

MAX_FACETS = 10
DEFAULT_LIMIT = 20
MAX_LIMIT = 1000


class SearchMode(StrEnum):
    """How words are compared with those of documents."""

    FULLTEXT = "fulltext"
    """Russian and English endings do not matter."""
    EXACT = "exact"
    """Words as they were written, but for case and accents."""
    PARTIAL = "partial"
    """The beginning of a word, or any part of the file name."""


class SearchSort(StrEnum):
    """The order of results. A minus turns an order round: the largest first."""

    NEWEST = "-created_at"
    OLDEST = "created_at"
    NAME = "name"
    NAME_DOWN = "-name"
    SMALLEST = "size"
    LARGEST = "-size"
    CHANGED_FIRST = "updated_at"
    CHANGED_LAST = "-updated_at"
    RELEVANCE = "relevance"


class SearchBasis(SearchFilters):
    """What decides which documents are found and in which order, but for conditions on attributes, which a
    URL writes in another way than a body."""

    q: str = Field(
        default="",
        description="What is looked for in the file name, the description, the tags, the values of custom"
        " attributes and the name of the account that stored the document: words that must all be found,"
        ' `"phrases"`, `-not`, `a or b`, `prefix*`. Any text of at most 1000 characters is a question. Case'
        " and accents do not matter. Words joined without a blank (2025-03) must stand together. Empty: all"
        " documents.",
    )
    mode: SearchMode = Field(
        default=SearchMode.FULLTEXT,
        description="`fulltext`: Russian and English endings do not matter. `exact`: words as they were"
        " written. `partial`: the beginning of a word or any part of the file name is enough.",
    )
    sort: SearchSort = Field(
        default=SearchSort.NEWEST,
        description="The order: by time of storing, name, size, time of the last change, or by relevance to"
        " the words. A minus before it turns it round.",
    )


class SearchQuestion(SearchBasis):
    """What a page of results is made from."""

    corrections: bool = Field(
        default=True,
        description="Whether other words may be tried where nothing is found: the nearest ones that stand in"
        " the documents of the caller. `corrected` in the answer is then what was really asked. Not with the"
        " mode `exact`.",
    )
    total: bool = Field(default=False, description="Say how many documents there are, on all pages.")
    facet: list[Text] = Field(
        default=[],
        description="Say how many documents have which `type`, `extension`, `element`, `account`,"
        " `retention`, `tag`, `year`, or value of an attribute, as `attribute:outer.inner`.",
        max_length=MAX_FACETS,
    )
    highlight: bool = Field(
        default=False,
        description="Say of each document in which of its texts what was found, and where: `highlights`.",
    )
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = Field(
        default=DEFAULT_LIMIT, description="The greatest number of documents in the page."
    )
    cursor: str | None = Field(
        default=None, description="The next_cursor of the page before, asked with the same question."
    )


class SearchParameters(SearchQuestion, UrlAttributes):
    """The parameters of ``GET /api/v1/search``."""


class ExportFormat(StrEnum):
    CSV = "csv"
    JSONL = "jsonl"


class ExportParameters(SearchBasis, UrlAttributes):
    """The parameters of ``GET /api/v1/search/export``."""

    format: ExportFormat = Field(description="`csv` (RFC 4180) or `jsonl`, a document on each line.")
    for_spreadsheets: bool = Field(
        default=False,
        description="In CSV, put `'` before what a spreadsheet would take for a formula. This changes the"
        " values: without it they are as they were given.",
    )


_NUMBERS = ("size_min", "size_max", "limit")
_SWITCHES = ("total", "corrections", "highlight")


class BodyBasis(SearchBasis, BodyAttributes):
    """A question in a body."""

    @model_validator(mode="before")
    @classmethod
    def _of_json(cls, body: Any) -> Any:
        """What a URL can only write as a text has a type of its own in JSON."""
        for name in (*_NUMBERS, *_SWITCHES) if isinstance(body, dict) else ():
            value, is_switch = body.get(name), name in _SWITCHES
            if isinstance(value, str) or (value is not None and isinstance(value, bool) != is_switch):
                raise ValueError(f"'{name}' must be {'true or false' if is_switch else 'a number'}")
        return body


class SearchRequest(SearchQuestion, BodyBasis):
    """The body of ``POST /api/v1/search``."""


class SearchTotal(BaseModel):
    """The number of documents that a question finds."""

    value: int
    exact: bool
    """False: there are more than are counted one by one, and this is an estimate."""


class FacetValue(BaseModel):
    value: str | int | float | bool
    count: int


class Facet(BaseModel):
    """The most frequent values first."""

    values: list[FacetValue]
    more: bool
    """There are others, less frequent."""


class FacetedDocuments(BaseModel):
    """Of which documents facets are: of all that are found, or of so many of the newest ones."""

    value: int
    all: bool


class HighlightPart(BaseModel):
    """A piece of a text as it is in the document, not escaped for anything."""

    text: str
    match: bool
    """It is what was looked for, or has it."""


class Highlight(BaseModel):
    """A fragment of a text in which something was found. Its parts follow each other without a gap."""

    path: list[str | int]
    """Of the text, from the document down: ``["tags", 0]``, ``["custom_attributes", "customer", "name"]``."""
    parts: list[HighlightPart]
    cut_before: bool
    """The text begins before the first part."""
    cut_after: bool
    """The text goes on behind the last part."""


class FoundDocument(SearchHit):
    highlights: list[Highlight] | None = None
    """In the order of name, description, tags, custom attributes and account. Absent unless asked for."""


class SearchAnswer(BaseModel):
    """A page of hits, with what else was asked for."""

    items: list[FoundDocument]
    next_cursor: str | None = None
    corrected: str | None = None
    """What was asked instead, since nothing was found of what was typed."""
    total: SearchTotal | None = None
    facets: dict[str, Facet] | None = None
    faceted: FacetedDocuments | None = None
