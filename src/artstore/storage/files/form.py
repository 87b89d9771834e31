"""What the fields of an upload say, checked as they arrive, so that a refusal need not wait for the file."""

import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NoReturn

from artstore.attributes import (
    DEFAULT_TTL_DAYS,
    MAX_BYTES,
    MAX_TTL_DAYS,
    MIN_TTL_DAYS,
    AttributesInvalid,
    AttributesTooLarge,
    FileId,
    RetentionPolicy,
    check_filename,
)
from artstore.engine import Draft
from artstore.kernel.access import Principal
from artstore.kernel.multipart import Field, FileStart
from artstore.kernel.problems import Problem
from artstore.storage.files.strict_json import parse_json
from artstore.storage.files.version_of import VersionOf
from artstore.wire.problems import ProblemType

FILE_PART = "file"
NOTHING: Mapping[str, str] = MappingProxyType({})
_OF_VERSIONS = ("replaces", "document_id")
"""What they come to was found out by the Ingester."""
_FIELDS = (
    "description",
    "version",
    "custom_attributes",
    "tags",
    "retention_policy",
    "ttl_days",
    *_OF_VERSIONS,
)
_WORD = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # a token of RFC 9110, 5.6.2
_MEDIA_TYPE = re.compile(rf"{_WORD}/{_WORD}[ \t]*(;[ -~]*)?")
_SAYS_NOTHING = "application/octet-stream"
"""What clients send when they do not know: the content decides then."""


class UploadForm:
    """Takes fields in any order, one file, and gives the draft of the document.

    The placement of a document depends on ``retention_policy``, so it must be known before the file: as a
    field before it, or as a query parameter. Every method raises Problem or AttributesError.
    """

    def __init__(
        self,
        query: Mapping[str, str] = NOTHING,
        *,
        of_batch: RetentionPolicy | None = None,
        version_of: VersionOf | None = None,
        default_ttl_days: int = DEFAULT_TTL_DAYS,
    ) -> None:
        """``query``: its parameters, of which some stand for fields; ``of_batch``: the retention policy of
        the batch that it is for; ``version_of``: the document of which it was told to be a version.
        """
        self._of_batch = of_batch
        self._version_of = version_of
        for name in _OF_VERSIONS:
            if query.get(name):
                self._demand_version_of(name)
        policy = query.get("retention_policy")
        self._requested = None if policy is None else _retention(policy)
        self._retention = self._requested
        ttl_days = query.get("ttl_days")
        self._ttl_days = None if ttl_days is None else _days(ttl_days)
        self._default_ttl_days = default_ttl_days
        self._description: str | None = None
        self._version: str | None = None
        self._custom_attributes: dict[str, Any] | None = None
        self._tags: list[str] = []
        self._seen: set[str] = set()
        self._bytes = 0
        self._filename: str | None = None
        self._content_type: str | None = None

    @property
    def has_file(self) -> bool:
        return self._filename is not None

    @property
    def file(self) -> tuple[str, str | None]:
        """What the form says of the file that came: its name, and its content type, if it says one."""
        return self._filename or "", self._content_type

    def take_file(self, part: FileStart) -> None:
        if part.name != FILE_PART:
            raise Problem(
                ProblemType.FILE_MISSING,
                f"The form brings a file as {part.name[:64]!r}; send it as the part 'file'.",
                field=part.name[:64],
            )
        if self.has_file:
            raise Problem(
                ProblemType.INVALID_PARAMETER,
                "The form has two parts named 'file'; send one document for each request.",
                field=FILE_PART,
            )
        self._demand_temporary_for_ttl()  # the policy is known now
        self._filename = check_filename(part.filename)
        self._count(part.filename)
        self._content_type = _content_type(part.content_type)

    def take_field(self, field: Field) -> None:
        text = self._text(field)
        if field.name != "tags" and field.name in self._seen:
            _refuse(field.name, "is given twice; give it once")
        self._seen.add(field.name)
        if not text.strip():
            return  # an HTML form sends the fields that nobody filled in
        match field.name:
            case "description":
                self._count(text)
                self._description = text
            case "version":
                self._count(text)
                self._version = text
            case "tags":
                self._take_tags(text)
            case "custom_attributes":
                self._take_custom_attributes(text)
            case "retention_policy":
                self._take_retention(text)
            case "ttl_days":
                self._take_ttl(text)
            case name if name in _OF_VERSIONS:
                self._demand_version_of(name)

    def draft(self, principal: Principal, file_id: FileId | None = None) -> Draft:
        """The document that the form describes, as the account of ``principal`` stores it."""
        if self._filename is None:
            raise Problem(ProblemType.FILE_MISSING, "The form has no part named 'file'.", field=FILE_PART)
        if self._of_batch not in (None, self._policy):
            _refuse("retention_policy", f"must be that of the batch, {self._of_batch}")
        self._demand_temporary_for_ttl()
        return Draft(
            original_filename=self._filename,
            content_type=self._content_type,
            created_by_id=principal.account_id,
            created_by_username=principal.username,
            description=self._description,
            version=self._version,
            custom_attributes=self._custom_attributes or {},
            tags=self._tags or None,
            retention_policy=self._policy,
            ttl_days=self._ttl_days or (self._default_ttl_days if self._is_temporary else None),
            document_id=None if self._version_of is None else self._version_of.document_id,
            previous_version_id=None if self._version_of is None else self._version_of.previous_version_id,
            file_id=file_id,
        )

    def _demand_version_of(self, name: str) -> None:
        if self._version_of is None:
            _refuse(name, "is for uploads by way of the Ingester, which knows the documents of all elements")

    def _text(self, field: Field) -> str:
        if field.name == FILE_PART:
            raise Problem(
                ProblemType.FILE_MISSING,
                "The part 'file' has no file name; send it as a file (curl: -F file=@NAME).",
                field=FILE_PART,
            )
        if field.name not in _FIELDS:
            # Not dropped in silence: it may be metadata that the client believes stored.
            _refuse(field.name[:64], f"is not a field of an upload; known are {', '.join(_FIELDS)}")
        try:
            return field.value.decode("utf-8")
        except UnicodeDecodeError:
            _refuse(field.name, "is not text in UTF-8")

    def _take_tags(self, text: str) -> None:
        tags: object = text.split(",")
        if text.lstrip().startswith("["):
            try:
                tags = json.loads(text)
            except (ValueError, RecursionError):
                _refuse("tags", "begins like a JSON array and is none")
        if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
            _refuse("tags", "must be a JSON array of strings, or words separated by commas")
        for tag in map(str.strip, tags):
            if tag and tag not in self._tags:
                self._count(tag)
                self._tags.append(tag)

    def _take_custom_attributes(self, text: str) -> None:
        value = parse_json(text, "custom_attributes")
        if not isinstance(value, dict):
            raise AttributesInvalid("custom_attributes", 'must be a JSON object, such as {"year": 2026}')
        self._count(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
        self._custom_attributes = value

    def _take_retention(self, text: str) -> None:
        policy = _retention(text.strip())
        if self._requested not in (None, policy):
            _refuse("retention_policy", "differs between the form and the query; give it once")
        if self._requested is None and self.has_file:
            raise Problem(
                ProblemType.FIELD_ORDER,
                "The field 'retention_policy' must come before the file, or stand in the query.",
                field="retention_policy",
            )
        self._retention = policy

    def _take_ttl(self, text: str) -> None:
        days = _days(text.strip())
        if self._ttl_days not in (None, days):
            _refuse("ttl_days", "differs between the form and the query; give it once")
        self._ttl_days = days

    @property
    def _policy(self) -> RetentionPolicy:
        return self._retention or self._of_batch or RetentionPolicy.PERMANENT

    @property
    def _is_temporary(self) -> bool:
        return self._policy is RetentionPolicy.TEMPORARY

    def _demand_temporary_for_ttl(self) -> None:
        if self._ttl_days is not None and not self._is_temporary:
            _refuse(
                "ttl_days", "is for temporary documents; send retention_policy=temporary, or leave it out"
            )

    def _count(self, text: str) -> None:
        """Attributes will hold at least what came: refuse them as soon as that is too much."""
        self._bytes += len(text.encode("utf-8", "surrogatepass"))
        if self._bytes > MAX_BYTES:
            raise AttributesTooLarge(self._bytes)


def _retention(text: str) -> RetentionPolicy:
    try:
        return RetentionPolicy(text)
    except ValueError:
        _refuse("retention_policy", f"must be one of {', '.join(RetentionPolicy)}")


def _days(text: str) -> int:
    """Raises Problem INVALID_PARAMETER."""
    days = int(text) if text.isascii() and text.isdigit() and len(text) <= 3 else 0
    if not MIN_TTL_DAYS <= days <= MAX_TTL_DAYS:
        _refuse("ttl_days", f"must be a whole number of days, from {MIN_TTL_DAYS} to {MAX_TTL_DAYS}")
    return days


def _content_type(given: str | None) -> str | None:
    text = (given or "").strip()
    if not text or text.lower() == _SAYS_NOTHING:
        return None
    if len(text) > 255 or not _MEDIA_TYPE.fullmatch(text):
        _refuse(FILE_PART, "has a Content-Type that is not a media type, such as application/pdf")
    return text


def _refuse(field: str, reason: str) -> NoReturn:
    raise Problem(ProblemType.INVALID_PARAMETER, f"The field {field!r} {reason}.", field=field)
