"""The requests that go to a store of S3 objects, by obstore."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import BinaryIO, Protocol

import obstore
from obstore import exceptions
from obstore.store import S3Store

from artstore.engine.blobs.contract import Entries
from artstore.engine.blobs.s3_errors import is_empty_range, translated
from artstore.engine.blobs.s3_options import S3Options

_PARTS_AT_ONCE = 2
_MAX_PARTS = 9000
"""S3 takes 10,000."""
_LISTED_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Fetched:
    """A part of an object."""

    data: bytes
    size: int
    """Of the whole object."""
    version: str | None
    """Changes when the object is replaced; None where the store does not tell."""


class Objects(Protocol):
    """Objects by path, below a prefix. Each call is tried again within bounds, and may come from any thread.

    Raises BlobMissing, StoreUnavailable, StoreRefuses.
    """

    def put(self, path: str, data: bytes | memoryview) -> None: ...

    def put_file(self, path: str, file: BinaryIO, size: int) -> None:
        """Puts a file from its beginning, in parts where it is large; two of them are in memory."""

    def get(self, path: str, start: int, length: int) -> Fetched:
        """At most ``length`` bytes from ``start`` on; none where the object has none there."""

    def delete(self, path: str) -> None:
        """No matter whether it was there."""

    def folder(self, path: str) -> Entries:
        """What lies in a folder, by name."""

    def below(self, path: str) -> Iterator[tuple[str, int]]:
        """Paths and sizes of everything below a folder."""


class S3Objects:
    """See Objects. Two clients, because what takes part of a minute to write takes seconds to read."""

    def __init__(self, options: S3Options) -> None:
        """Asks nobody anything: the store need not be there yet."""
        self._part_bytes = options.multipart_bytes
        self._reading = _store(options, options.read_seconds)
        self._writing = _store(options, options.write_seconds)

    def put(self, path: str, data: bytes | memoryview) -> None:
        with translated():
            obstore.put(self._writing, path, data, use_multipart=False)

    def put_file(self, path: str, file: BinaryIO, size: int) -> None:
        with translated():
            obstore.put(
                self._writing,
                path,
                file,
                use_multipart=size > self._part_bytes,
                chunk_size=max(self._part_bytes, -(-size // _MAX_PARTS)),
                max_concurrency=_PARTS_AT_ONCE,
            )

    def get(self, path: str, start: int, length: int) -> Fetched:
        with translated(path):
            try:
                answer = obstore.get(self._reading, path, options={"range": (start, start + max(1, length))})
                return Fetched(bytes(answer.bytes())[:length], answer.meta["size"], answer.meta["e_tag"])
            except exceptions.BaseError as error:
                if not is_empty_range(error):
                    raise
                meta = obstore.head(self._reading, path)
                return Fetched(b"", meta["size"], meta["e_tag"])

    def delete(self, path: str) -> None:
        with translated(path):
            obstore.delete(self._writing, path)

    def folder(self, path: str) -> Entries:
        with translated():
            found = obstore.list_with_delimiter(self._reading, path)
        return Entries(
            folders=[each.rpartition("/")[2] for each in found["common_prefixes"]],
            blobs=[meta["path"].rpartition("/")[2] for meta in found["objects"]],
        )

    def below(self, path: str) -> Iterator[tuple[str, int]]:
        pages = obstore.list(self._reading, path, chunk_size=_LISTED_AT_ONCE)
        while True:
            with translated():
                page = next(pages, None)
            if page is None:
                return
            for meta in page:
                yield meta["path"], meta["size"]


def _store(options: S3Options, seconds: float) -> S3Store:
    return S3Store(
        options.bucket,
        prefix=options.prefix or None,
        endpoint=options.endpoint,
        region=options.region,
        access_key_id=options.access_key_id,
        secret_access_key=options.secret_access_key,
        virtual_hosted_style_request=not options.path_style,
        client_options={
            "allow_http": (options.endpoint or "").startswith("http://"),
            "connect_timeout": timedelta(seconds=options.connect_seconds),
            "timeout": timedelta(seconds=seconds),
        },
        retry_config={
            "max_retries": options.retries,
            "retry_timeout": timedelta(seconds=options.retry_seconds),
            # The pauses grow at random between these (AWS calls it decorrelated jitter).
            "backoff": {
                "init_backoff": timedelta(milliseconds=100),
                "max_backoff": timedelta(seconds=3),
                "base": 2,
            },
        },
    )
