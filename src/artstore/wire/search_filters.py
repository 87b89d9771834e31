"""What found documents must be, beside having the words: in a URL, and in a body."""

import json
import math
import re
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    TypeAdapter,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from artstore.attributes import RetentionPolicy

MAX_VALUES = 50
"""Of one filter."""
MAX_ATTRIBUTES = 20
"""Filters of attributes in one question."""
MAX_DEPTH = 10
"""Of the path to an attribute, and of a value that it is compared with."""
MAX_VALUE_CHARACTERS = 4096
"""Of a value as JSON: no document has more than 4096 bytes of attributes."""
_MAX_SIZE = 2**63 - 1
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


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
    exists: StrictBool = True
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
    account_id: _Texts = Field(default=[], description="Its id; a UUID in any of its forms.")
    element: _Texts = Field(default=[], description="The element where it lies.")
    retention: Annotated[list[RetentionPolicy], Field(max_length=MAX_VALUES)] = Field(
        default=[], description="The retention policy."
    )
    tag: _Texts = Field(default=[], description="A tag, as it was written; several: all of them.")


class UrlAttributes(BaseModel):
    attribute: _Texts = Field(
        default=[],
        description="A condition on a custom attribute: `name`, `!name`, `name=value`, `name>=value`,"
        " `name<=value`, with `outer.inner` for nested ones; several: all of them.",
        max_length=MAX_ATTRIBUTES,
    )


_TEXT: TypeAdapter[str] = TypeAdapter(Text)


def _condition(given: Any, _: ValidatorFunctionWrapHandler) -> AttributeFilter | str:
    """As what it is, so that a refusal names the member and tells of no other kind."""
    return _TEXT.validate_python(given) if isinstance(given, str) else AttributeFilter.model_validate(given)


class BodyAttributes(BaseModel):
    attribute: list[Annotated[AttributeFilter | Text, WrapValidator(_condition)]] = Field(
        default=[],
        description="Conditions on custom attributes, all of which must be met; a text is one as a URL writes"
        " it.",
        max_length=MAX_ATTRIBUTES,
    )
