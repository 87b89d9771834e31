"""A multipart form as a stream whose length is known before it is read (RFC 7578)."""

import json
import re
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from artstore.attributes import RetentionPolicy

_PLAIN_NAME = re.compile(r'[^"\\%\x00-\x1f\x7f]*')
"""Names that need no escaping, about which all servers agree."""


@dataclass(frozen=True)
class Form:
    """What stands before and after the bytes of the file."""

    content_type: str
    head: bytes
    tail: bytes

    def length(self, file_size: int) -> int:
        """The bytes of the whole body."""
        return len(self.head) + file_size + len(self.tail)

    async def body(self, file: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        yield self.head
        async for chunk in file:
            yield chunk
        yield self.tail


def upload_form(
    filename: str,
    *,
    content_type: str | None = None,
    description: str | None = None,
    custom_attributes: Mapping[str, Any] | None = None,
    tags: Sequence[str] | None = None,
    retention_policy: RetentionPolicy | None = None,
    version: str | None = None,
    replaces: str | None = None,
    document_id: str | None = None,
    ttl_days: int | None = None,
) -> Form:
    """The form of an upload. All fields stand before the file, so that placement is known when it begins."""
    given = {
        "retention_policy": retention_policy,
        "ttl_days": None if ttl_days is None else str(ttl_days),
        "replaces": replaces,
        "document_id": document_id,
        "description": description,
        "version": version,
    }
    fields = [(name, value) for name, value in given.items() if value is not None]
    if custom_attributes is not None:
        fields.append(("custom_attributes", json.dumps(custom_attributes, ensure_ascii=False)))
    if tags:
        # One JSON array: in a field of its own a tag with a comma would be read as two.
        fields.append(("tags", json.dumps(list(tags), ensure_ascii=False)))
    boundary = f"artstore-{secrets.token_hex(16)}"
    # Text that is no Unicode is sent as it is: the service refuses it, naming the field.
    parts = [
        _part(boundary, f'name="{name}"') + value.encode("utf-8", "surrogatepass") for name, value in fields
    ]
    file_part = _part(boundary, f'name="file"; {_filename(filename)}', content_type)
    return Form(
        content_type=f"multipart/form-data; boundary={boundary}",
        head=b"\r\n".join([*parts, file_part]),
        tail=f"\r\n--{boundary}--\r\n".encode(),
    )


def _part(boundary: str, disposition: str, content_type: str | None = None) -> bytes:
    lines = [f"--{boundary}", f"Content-Disposition: form-data; {disposition}"]
    if content_type is not None:
        lines.append(f"Content-Type: {content_type}")
    return "\r\n".join([*lines, "", ""]).encode()


def _filename(filename: str) -> str:
    """The name as browsers send it, or by RFC 8187 where quoting it would be read differently by some."""
    if _PLAIN_NAME.fullmatch(filename):
        return f'filename="{filename}"'
    return f"filename*=UTF-8''{quote(filename, safe='')}"
