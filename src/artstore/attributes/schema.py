"""The attributes of one document (Template Schema v2.0) and their form on disk."""

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from json.encoder import encode_basestring
from typing import Annotated, Any, ClassVar, Literal, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from artstore.attributes.errors import MAX_BYTES, AttributesInvalid, AttributesTooLarge
from artstore.attributes.retention import RetentionPolicy
from artstore.attributes.seal import SEAL, sealed

SCHEMA_VERSION: Literal["2.0"] = "2.0"
MAX_DEPTH = 64
"""How deep objects and lists may be nested."""

_LARGEST_INTEGER = 10**308
"""What other readers of JSON can still hold, as a double."""
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""NUL, which PostgreSQL cannot hold, and halves of surrogate pairs, which UTF-8 cannot."""
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)
_SHA_256 = re.compile("[0-9a-fA-F]{64}")
_CONTENT_TYPE = re.compile("[!-.0-~]+/[!-~][ -~]{0,250}")
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def _check_time(value: object) -> object:
    if isinstance(value, datetime) or (isinstance(value, str) and _RFC_3339.fullmatch(value)):
        return value
    raise ValueError("must be a time of RFC 3339 with a zone, such as 2026-11-23T12:01:02Z")


def _to_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError("lies outside the years 1 to 9999 in UTC") from None


def _check_text(value: str) -> str:
    if _UNSTORABLE.search(value):
        raise ValueError("holds a NUL character or half of a surrogate pair")
    return value


def _check_sha256(value: str) -> str:
    if not _SHA_256.fullmatch(value):
        raise ValueError("must be 64 hexadecimal digits")
    return value.lower()


def _check_content_type(value: str) -> str:
    if not _CONTENT_TYPE.fullmatch(value):  # it becomes a header of the answer to a download
        raise ValueError("must be a MIME type, such as application/pdf")
    return value


def _check_path(value: str) -> str:
    if value.startswith("/") or "\\" in value or ".." in value.split("/") or value[1:2] == ":":
        raise ValueError("must be relative to the element's root, separated by '/', and stay within it")
    return value


def _check_bare_name(value: str) -> str:
    if "/" in value or "\\" in value or value in (".", ".."):
        raise ValueError("must be a name without a folder")
    return value


def _check_json(value: object, where: str, depth: int = 0) -> None:
    """Raises AttributesInvalid, naming the nested member, for what JSON and PostgreSQL cannot both hold."""
    if isinstance(value, str):
        if _UNSTORABLE.search(value):
            raise AttributesInvalid(where, "holds a NUL character or half of a surrogate pair")
    elif isinstance(value, dict | list):
        if depth == MAX_DEPTH:
            raise AttributesInvalid(where, f"is nested deeper than {MAX_DEPTH} levels")
        members = value.items() if isinstance(value, dict) else enumerate(value)
        for key, member in members:
            if isinstance(value, dict):
                if not isinstance(key, str):
                    raise AttributesInvalid(where, "has a key that is not a string")
                _check_json(key, where, depth + 1)
            _check_json(member, f"{where}.{key}", depth + 1)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise AttributesInvalid(where, "is not a finite number")
    elif isinstance(value, int):
        if abs(value) > _LARGEST_INTEGER:
            raise AttributesInvalid(where, "is too large a number")
    elif value is not None:
        raise AttributesInvalid(where, "is not a JSON value")


Text = Annotated[str, AfterValidator(_check_text)]
Name = Annotated[str, StringConstraints(min_length=1), AfterValidator(_check_text)]
Time = Annotated[AwareDatetime, BeforeValidator(_check_time), AfterValidator(_to_utc)]
Size = Annotated[int, Field(gt=0, le=2**63 - 1, strict=True)]
Sha256 = Annotated[str, AfterValidator(_check_sha256)]
ContentType = Annotated[str, AfterValidator(_check_content_type)]


class LegalHold(BaseModel):
    """Why a document is neither deleted nor removed when its time is over, until somebody releases it."""

    model_config = ConfigDict(extra="allow", frozen=True)

    since: Time
    by: Name
    """The account or person that set it."""
    reason: Text


class FileAttributes(BaseModel):
    """The attributes of one document. Unknown members are kept, in their order, behind the known ones.

    Immutable; ``changed`` gives a changed one. Construction from untrusted values goes through ``of`` or
    ``parse``, which raise AttributesInvalid and not pydantic's error.
    """

    model_config = ConfigDict(extra="allow", frozen=True, use_attribute_docstrings=True)
    __slots__ = ("__encoded__",)
    """``json_members``, once made. No private attribute of pydantic's: those count in comparisons."""

    schema_version: Literal["2.0"] = "2.0"
    file_id: UUID
    """Version 7 for documents that ArtStore took in; adopted archives may hold version 4."""
    original_filename: Name
    storage_filename: Annotated[Name, AfterValidator(_check_bare_name)]
    storage_path: Annotated[Name, AfterValidator(_check_path)]
    """Of the document's bytes, relative to the element's root, separated by ``/``."""
    file_size: Size
    """Bytes of the original document."""
    content_type: ContentType
    created_at: Time
    updated_at: Time
    created_by_id: Name
    created_by_username: Name
    created_by_fullname: Text | None = None
    description: Text | None = None
    version: Text | None = None
    checksum: Sha256
    """SHA-256 of the original document, lower-case hexadecimal."""
    metadata: dict[str, Any] = Field(default_factory=dict)
    """Of version 1.0; kept as it came."""
    custom_attributes: dict[str, Any] = Field(default_factory=dict)
    tags: list[Name] | None = None
    retention_policy: RetentionPolicy | None = None
    expires_at: Time | None = None
    legal_hold: LegalHold | None = None
    document_id: UUID | None = None
    """What the versions of one document have in common."""
    previous_version_id: UUID | None = None
    transfer_id: UUID | None = None
    """While it moves to another element: the transfer that does it. Nobody else changes it meanwhile."""
    content_encoding: Name | None = None
    """How the stored bytes are coded, where they are not the original ones."""
    stored_size: Size | None = None
    """Bytes on disk; stands with ``content_encoding`` only."""
    stored_checksum: Sha256 | None = None
    """SHA-256 of the bytes on disk; stands with ``content_encoding`` only."""

    optional: ClassVar[frozenset[str]]
    """Members that are absent when unused."""

    @model_validator(mode="after")
    def _check_whole(self) -> Self:
        for name in ("metadata", "custom_attributes"):
            _check_json(getattr(self, name), name)
        if self.legal_hold is not None:
            _check_json(self.legal_hold.model_extra, "legal_hold")
        for name, value in (self.model_extra or {}).items():
            if name == SEAL:
                raise AttributesInvalid(name, "belongs to the attribute file, not to the attributes")
            _check_json(name, "a member's name")
            _check_json(value, name)
        if len({self.content_encoding is None, self.stored_size is None, self.stored_checksum is None}) > 1:
            raise AttributesInvalid(
                "content_encoding",
                "content_encoding, stored_size and stored_checksum stand together or not at all",
            )
        return self

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Self:
        """Attributes from their members. Raises AttributesInvalid for the first that is wrong."""
        try:
            return cls.model_validate(dict(fields))
        except ValidationError as error:
            raise _translated(error) from error

    def changed(self, **fields: Any) -> Self:
        """The same with some members replaced, validated. Raises AttributesInvalid."""
        return self.of({**dict(self), **fields})

    def json_members(self) -> Mapping[str, str]:
        """The members as JSON texts, in the order of the file, unused ones left out. Made once."""
        encoded: Mapping[str, str] | None = getattr(self, "__encoded__", None)
        if encoded is None:
            encoded = {name: _encode_member(value) for name, value in self.to_json_object().items()}
            object.__setattr__(self, "__encoded__", encoded)
        return encoded

    def to_json_object(self) -> dict[str, Any]:
        """The members as JSON values, in the order of the file, unused ones left out.

        Nested values are shared with this object, and so not to be changed.
        """
        members = {
            name: _to_json(value)
            for name, value in self.__dict__.items()
            if value is not None or name not in self.optional
        }
        return {**members, **(self.model_extra or {})}

    def to_bytes(self) -> bytes:
        """The attribute file: UTF-8, one line for each member, sealed. Raises AttributesTooLarge.

        Equal attributes give equal bytes.
        """
        lines = (f"{encode_basestring(name)}: {text}" for name, text in self.json_members().items())
        written = sealed(("{\n" + ",\n".join(lines) + ",\n").encode())
        if len(written) > MAX_BYTES:
            raise AttributesTooLarge(len(written))
        return written

    @property
    def size_on_disk(self) -> int:
        """Bytes of the document as stored, which is ``file_size`` unless they are coded."""
        return self.file_size if self.stored_size is None else self.stored_size

    @property
    def checksum_on_disk(self) -> str:
        """SHA-256 of the document as stored."""
        return self.checksum if self.stored_checksum is None else self.stored_checksum


FileAttributes.optional = frozenset(
    name for name, field in FileAttributes.model_fields.items() if field.default is None
)


def _to_json(value: Any) -> Any:
    if type(value) is str:  # most are
        return value
    match value:
        case RetentionPolicy():
            return value.value
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case UUID():
            return str(value)
        case LegalHold():
            return {name: _to_json(member) for name, member in value}
        case _:
            return value


def _encode_member(value: object) -> str:
    return encode_basestring(value) if isinstance(value, str) else _encode(value)  # most are strings: faster


def _translated(error: ValidationError) -> AttributesInvalid:
    first = error.errors(include_url=False, include_context=True, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    reason = "is missing" if first["type"] == "missing" else first["msg"].removeprefix("Value error, ")
    return AttributesInvalid(field, reason)
