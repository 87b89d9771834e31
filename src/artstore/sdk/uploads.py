"""Storing a document: streamed as a form, its SHA-256 compared with what the element wrote."""

import hashlib
import mimetypes
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import closing
from typing import Any
from uuid import uuid4

from artstore.attributes import RetentionPolicy
from artstore.sdk.answers import read_answer
from artstore.sdk.errors import Damaged
from artstore.sdk.form import upload_form
from artstore.sdk.progress import Progress
from artstore.sdk.sources import Content, source_of, unicode_text
from artstore.sdk.transport import Transport
from artstore.wire.batches import BATCH_PARAMETER
from artstore.wire.documents import Document
from artstore.wire.headers import IDEMPOTENCY_KEY


async def upload(
    transport: Transport,
    url: str,
    content: Content,
    *,
    filename: str | None,
    description: str | None,
    custom_attributes: Mapping[str, Any] | None,
    tags: Sequence[str] | None,
    retention_policy: RetentionPolicy | None,
    ttl_days: int | None,
    content_type: str | None,
    version: str | None,
    replaces: str | None,
    document_id: str | None,
    idempotency_key: str | None,
    batch: str | None,
    progress: Progress | None,
) -> Document:
    """See ``AsyncClient.upload``."""
    with closing(source_of(content)) as source:
        name = filename or source.name
        if name is None:
            raise ValueError("content without a name needs a filename")
        name = unicode_text(name)
        form = upload_form(
            name,
            content_type=content_type or mimetypes.guess_type(name)[0],
            description=description,
            custom_attributes=custom_attributes,
            tags=tags,
            retention_policy=retention_policy,
            version=version,
            replaces=replaces,
            document_id=document_id,
            ttl_days=ttl_days,
        )
        digest = hashlib.sha256()

        def body() -> AsyncIterator[bytes]:
            nonlocal digest
            digest = hashlib.sha256()
            return form.body(source.chunks(digest, progress))

        headers = {"Content-Type": form.content_type}
        if source.size is not None:
            headers["Content-Length"] = str(form.length(source.size))
        # Without a second attempt a key of our own would be of no use, and cost the service a look.
        if key := idempotency_key or (str(uuid4()) if source.replayable else None):
            headers[IDEMPOTENCY_KEY] = key
        params = None if batch is None else {BATCH_PARAMETER: batch}
        async with transport.stream(
            "POST",
            url,
            params=params,
            headers=headers,
            content=body,
            replayable=source.replayable,
            idempotent=True,
        ) as response:
            document = await read_answer(response, Document)
    if document.checksum != digest.hexdigest():
        raise Damaged(
            f"{name} arrived damaged: its SHA-256 is {digest.hexdigest()}, that of document "
            f"{document.file_id} is {document.checksum}; upload it again"
        )
    return document
