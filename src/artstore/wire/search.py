"""What is asked of a search, and what it answers beside documents."""

import json
import math
import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from artstore.attributes import RetentionPolicy
from artstore.wire.documents import SearchHit

MAX_VALUES = 50
"""Of one filter."""
MAX_ATTRIBUTES = 20
"""Filters of attributes in one question."""
MAX_DEPTH = 10
"""Of the path to an attribute, and of a value that it is compared with."""
MAX_VALUE_CHARACTERS = 4096
"""Of a value as JSON: no document has more than 4096 bytes of attributes."""
MAX_FACETS = 10
DEFAULT_LIMIT = 20
MAX_LIMIT = 1000
_MAX_SIZE = 2**63 - 1
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


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


def _storable(text: str) -> str:
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("it holds a character that no document has (NUL, or half of a pair of surrogates)")
    return text


def _written(moment: object) -> object:
    """A number would be taken for seconds, or for thousandths of seconds, as it happens."""
    if (isinstance(moment, str) and _DATE.match(moment) is None) or isinstance(moment, int | float):
        raise ValueError("it is no date as RFC 3339 writes it")
    return moment


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _comparable(value: Any, depth: int = 1) -> Any:
    """JSON that a document may hold. Raises ValueError."""
    if depth > MAX_DEPTH:
        raise ValueError(f"it is nested deeper than {MAX_DEPTH}")
    if isinstance(value, str):
        _storable(value)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError("it is not a finite number")
    elif isinstance(value, dict | list):
        for member in value.values() if isinstance(value, dict) else value:
            _comparable(member, depth + 1)
        for key in value if isinstance(value, dict) else ():
            _storable(key)
    if depth == 1 and len(json.dumps(value, ensure_ascii=False)) > MAX_VALUE_CHARACTERS:
        raise ValueError(f"it has more than {MAX_VALUE_CHARACTERS} characters")
    return value


Text = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_storable)]
Moment = Annotated[datetime, BeforeValidator(_written), AfterValidator(_in_utc)]
"""Without a zone: UTC."""
Comparable = Annotated[Any, AfterValidator(_comparable)]
Bound = Annotated[
    Annotated[int, Field(strict=True)] | Annotated[float, Field(strict=True)] | Text,
    AfterValidator(_comparable),
]
Size = Annotated[int, Field(ge=0, le=_MAX_SIZE)]
_Texts = Annotated[list[Text], Field(max_length=MAX_VALUES)]


class AttributeFilter(BaseModel):
    """A condition on a custom attribute. With nothing but its path: it must be there.

    ``min`` and ``max`` are both included; numbers are compared with numbers, texts with texts, by code
    points, so that dates as ISO 8601 writes them are in order. ``equals`` finds a text, a number, a boolean
    or null also as one of a list; an object or a list must be the same as a whole.
    """

    model_config = ConfigDict(extra="forbid")

    path: Annotated[list[Text], Field(min_length=1, max_length=MAX_DEPTH)]
    """Names of members from the outermost one."""
    equals: Comparable = None
    min: Bound | None = None
    max: Bound | None = None
    exists: bool = True
    """False: it must not be there."""

    @property
    def has_value(self) -> bool:
        """Whether ``equals`` was given: null is a value too."""
        return "equals" in self.model_fields_set

    @model_validator(mode="after")
    def _is_one_condition(self) -> Self:
        bounded = self.min is not None or self.max is not None
        if self.has_value + bounded + (not self.exists) > 1:
            raise ValueError("'equals', 'min' with 'max', and 'exists' exclude each other")
        if (
            self.min is not None
            and self.max is not None
            and isinstance(self.min, str) != isinstance(self.max, str)
        ):
            raise ValueError("'min' and 'max' must both be numbers or both be texts")
        return self


class SearchFilters(BaseModel):
    """What found documents must be, beside having the words. Of several values of one filter one is enough,
    but for tags and attributes, which must all be there."""

    model_config = ConfigDict(extra="forbid")

    content_type: _Texts = Field(default=[], description="`application/pdf`, or `image/*` for all images.")
    extension: _Texts = Field(default=[], description="Of the file name: `pdf`. Case does not matter.")
    size_min: Size | None = Field(default=None, description="Bytes, at least.")
    size_max: Size | None = Field(default=None, description="Bytes, at most.")
    created_from: Moment | None = Field(
        default=None, description="Stored then or later. RFC 3339, or a day (UTC)."
    )
    created_before: Moment | None = Field(default=None, description="Stored before.")
    updated_from: Moment | None = Field(default=None, description="Attributes last changed then or later.")
    updated_before: Moment | None = Field(default=None, description="Attributes last changed before.")
    account: _Texts = Field(default=[], description="Name of the account that stored the document.")
    account_id: _Texts = Field(default=[], description="Its id.")
    element: _Texts = Field(default=[], description="The element where it lies.")
    retention: Annotated[list[RetentionPolicy], Field(max_length=MAX_VALUES)] = Field(
        default=[], description="The retention policy."
    )
    tag: _Texts = Field(default=[], description="A tag, as it was written; several: all of them.")


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


class _UrlAttributes(BaseModel):
    attribute: _Texts = Field(
        default=[],
        description="A condition on a custom attribute: `name`, `!name`, `name=value`, `name>=value`,"
        " `name<=value`, with `outer.inner` for nested ones; several: all of them.",
        max_length=MAX_ATTRIBUTES,
    )


class SearchParameters(SearchQuestion, _UrlAttributes):
    """The parameters of ``GET /api/v1/search``."""


class ExportFormat(StrEnum):
    CSV = "csv"
    JSONL = "jsonl"


class ExportParameters(SearchBasis, _UrlAttributes):
    """The parameters of ``GET /api/v1/search/export``."""

    format: ExportFormat = Field(description="`csv` (RFC 4180) or `jsonl`, a document on each line.")
    for_spreadsheets: bool = Field(
        default=False,
        description="In CSV, put `'` before what a spreadsheet would take for a formula. This changes the"
        " values: without it they are as they were given.",
    )


_NUMBERS = ("size_min", "size_max", "limit")
_SWITCHES = ("total", "corrections", "highlight")


class SearchRequest(SearchQuestion):
    """The body of ``POST /api/v1/search``."""

    attribute: list[AttributeFilter] = Field(
        default=[],
        description="Conditions on custom attributes, all of which must be met.",
        max_length=MAX_ATTRIBUTES,
    )

    @model_validator(mode="before")
    @classmethod
    def _of_json(cls, body: Any) -> Any:
        """What a URL can only write as a text has a type of its own in JSON."""
        for name in (*_NUMBERS, *_SWITCHES) if isinstance(body, dict) else ():
            value, is_switch = body.get(name), name in _SWITCHES
            if isinstance(value, str) or (value is not None and isinstance(value, bool) != is_switch):
                raise ValueError(f"'{name}' must be {'true or false' if is_switch else 'a number'}")
        return body


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
