"""Which bucket an element's documents lie in, and how it is reached."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_MIB = 1 << 20
MIN_PART_BYTES = 5 * _MIB
"""Of S3: every part of a multipart upload but the last has at least so many."""
MAX_PART_BYTES = 64 * _MIB
"""Ours: a few parts are in memory at once."""
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, kw_only=True)
class S3Options:
    """Raises ValueError for what cannot work. Neither ``repr`` nor ``place`` shows the credentials."""

    bucket: str
    prefix: str = ""
    """Where in the bucket the element lies, without ``/`` at its ends; empty for the bucket itself."""
    endpoint: str | None = None
    """``http://`` or ``https://`` and the host of an S3-compatible store; None for AWS."""
    region: str = "us-east-1"
    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)
    path_style: bool = False
    """The bucket in the path of each request (``host/bucket/key``), not in the host (``bucket.host/key``)."""
    multipart_bytes: int = 8 * _MIB
    """Documents larger than this go in parts of this size."""
    connect_seconds: float = 5.0
    read_seconds: float = 15.0
    """For one request that reads, of at most four MiB, its body included."""
    write_seconds: float = 60.0
    """For one request that writes, of at most one part."""
    retry_seconds: float = 20.0
    """How long a call that fails for the time being is tried again, with growing, jittered pauses."""
    retries: int = 4

    def __post_init__(self) -> None:
        if not _BUCKET.fullmatch(self.bucket):
            raise ValueError("the bucket has 3 to 63 letters, digits, dots, dashes and underscores")
        parts = self.prefix.split("/") if self.prefix else []
        if any(part in {"", ".", ".."} for part in parts) or _CONTROL.search(self.prefix):
            raise ValueError("the prefix is made of names with '/' between them, without one at its ends")
        if len(self.prefix.encode()) > 512:
            raise ValueError("the prefix has at most 512 bytes: a key has at most 1024")
        if not MIN_PART_BYTES <= self.multipart_bytes <= MAX_PART_BYTES:
            raise ValueError("multipart_bytes lies between 5 MiB and 64 MiB")
        if not self.access_key_id or not self.secret_access_key:
            raise ValueError("access_key_id and secret_access_key are both needed")
        if self.endpoint is not None:
            _check_endpoint(self.endpoint)

    @property
    def place(self) -> dict[str, str]:
        """Where the documents lie, for ``element.json``."""
        place = {"kind": "s3", "bucket": self.bucket, "prefix": self.prefix}
        return place if self.endpoint is None else {**place, "endpoint": self.endpoint}


def _check_endpoint(endpoint: str) -> None:
    try:
        parts = urlsplit(endpoint)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("the endpoint is an address that begins with http:// or https://")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("the endpoint holds the scheme, the host and the port only")
