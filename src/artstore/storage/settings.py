"""Settings of one storage element: variables ``ARTSTORE_STORAGE_…``."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from artstore.attributes import DEFAULT_TTL_DAYS, MAX_TTL_DAYS, MIN_TTL_DAYS
from artstore.engine import Coding, CodingPolicy
from artstore.engine.coding.policy import COMPRESSIBLE
from artstore.engine.scrub import DEFAULT_BYTES_PER_SECOND
from artstore.storage.element.thresholds import Threshold, Thresholds
from artstore.storage.index.prefix import check_prefix, prefix_of
from artstore.storage.object_store import ObjectStoreSettings
from artstore.wire.elements import ClientUrl, Mode

GIB = 1024**3
_Percent = Annotated[float, Field(ge=0, le=100)]
_Bytes = Annotated[int, Field(ge=0)]


class Compression(StrEnum):
    NONE = "none"
    GZIP = Coding.GZIP
    BROTLI = Coding.BROTLI
    ZSTD = Coding.ZSTD


class StorageSettings(ObjectStoreSettings):
    """One process serves one element. Sizes are bytes. See also ``object_store``."""

    model_config = SettingsConfigDict(env_prefix="ARTSTORE_STORAGE_")

    element_id: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
    """Name of the element in the whole system. It stands in the element's root: a root with another name is
    refused at start, so that two elements never take each other's folder."""
    root: Path
    """Folder of the element; made when it does not exist. Back it up, move it, mount it: all is in it, unless
    the documents lie in a bucket."""
    mode: Mode
    """``edit``, ``rw``, ``ro`` or ``ar``: given to a new element. An existing one keeps its own, and another
    one here stops the start: a mode is changed by a request, not by a slip in a file."""
    confirm_mode: bool = False
    """Gives an existing element ``mode`` whatever it has: the only way back from ``ro`` and ``ar``. Set it
    for one start."""
    capacity_bytes: Annotated[int | None, Field(gt=0)] = None
    """Most that documents with their attributes may take. Default: what the disk has. More than the disk has
    does no harm: the free room told is never more than the disk's. Needed where documents lie in a bucket."""
    table_prefix: str = ""
    """Begins the names of this element's tables in the schema ``storage``. Default: made of ``element_id``.
    Two elements with one prefix: the second says so and stays without an index."""
    client_url: ClientUrl = ""
    """Where clients reach this element, mostly ``https://…`` of a proxy: links that are ``direct`` let them
    fetch from there. Empty: they cannot, and fetch through Query."""
    database_url: SecretStr
    """PostgreSQL, ``postgresql://…``; holds the index only. While it is away the element serves on."""
    client_id: str = ""
    """The account of the services, with which the element reports to Admin. Empty: refused accesses do not
    come into the audit trail, documents do not expire, and no legal hold can be set or ended."""
    client_secret: SecretStr = SecretStr("")
    """Its secret."""
    inline_limit: Annotated[int, Field(ge=0, le=8 * 1024**2)] = 64 * 1024
    """Documents up to this size travel in the log record and cost no flush of their own; each byte of them is
    written twice. 0 stages every document."""
    max_file_bytes: Annotated[int, Field(gt=0)] = 10 * GIB
    """Largest document that is taken; larger ones are refused with 413 as early as they are recognised."""
    max_backlog_bytes: Annotated[int, Field(gt=0)] = GIB
    """Most log that may wait for a follower (database or Redis away for long). Beyond it uploads are refused
    with 503 until it is caught up, so that the log never fills the disk. Reads go on."""
    warning_free_percent: _Percent = 10
    """Of ``capacity_bytes``, or of what the disk has for documents."""
    warning_free_bytes: _Bytes = GIB
    """Free room below the larger of these two is a warning; so for the others. A warning and ``critical`` are
    shown only; into an element that is ``full`` the Ingester places nothing more. The room that an element
    keeps free of its disk for itself counts as free for none of them."""
    critical_free_percent: _Percent = 5
    critical_free_bytes: _Bytes = GIB // 4
    full_free_percent: _Percent = 1
    full_free_bytes: _Bytes = 64 * 1024
    compression: Compression = Compression.NONE
    """``none``, ``gzip``, ``br`` or ``zstd``: how documents are compressed on disk from now on, where that
    saves a tenth at least. Those that are there stay as they are, and clients get what they gave in any case.
    Costs time of the processor on the way in, and on the way out to clients that do not take them so."""
    compression_min_bytes: Annotated[int, Field(ge=0, le=64 * 1024)] = 4096
    """Smaller documents are not compressed: they take a block of the disk in any case."""
    compression_types: tuple[str, ...] | None = None
    """Content types of documents that are compressed, as a JSON array; ``text/*`` is all of a kind,
    ``*/*+xml`` all that end so, ``*/*`` everything, which costs a trial for each document and gains little.
    Default: what is not compressed by itself, or may not be: text, JSON, XML, old office formats, TIFF, BMP
    and others."""
    upload_memory_bytes: Annotated[int, Field(ge=0)] = 16 * 1024**2
    """Most that the documents of all uploads under way together take of memory. Beyond it each writes what it
    has before it reads on, and small ones cost a flush of their own. 0 gathers nothing: slow."""
    idle_seconds: Annotated[float, Field(gt=0)] = 30.0
    """An upload that sends nothing for so long is cut off with 408, and its room is given back."""
    resumable_seconds: Annotated[float, Field(ge=60, le=31_536_000)] = 24 * 3600
    """A resumable upload of which nothing came for so long is removed, and its room given back; one that is
    complete is forgotten. Short ones lose the bytes of clients that come back the next day."""
    resumable_uploads: Annotated[int, Field(ge=1, le=1_000_000)] = 1000
    """Most unfinished resumable uploads of one account in this element."""
    batch_seconds: Annotated[float, Field(ge=60, le=31_536_000)] = 24 * 3600
    """A batch to which nothing was added for so long is removed with its documents; one that was committed is
    forgotten."""
    batch_documents: Annotated[int, Field(ge=1, le=100_000)] = 10_000
    """Most documents of one batch. All of them are in memory while it is committed, about 2 KiB for each."""
    batches: Annotated[int, Field(ge=1, le=10_000)] = 20
    """Most open batches of one account in this element."""
    temporary_days: Annotated[int, Field(ge=MIN_TTL_DAYS, le=MAX_TTL_DAYS)] = DEFAULT_TTL_DAYS
    """How long a temporary document is kept whose client does not say. Those that are there keep their time.
    Give the elements of one system the same: the client does not choose the element."""
    expiry_seconds: Annotated[float, Field(ge=1, le=86_400)] = 600.0
    """How often an element of mode ``edit`` looks for documents whose time is over and removes them. They are
    kept so much longer at most; often costs a look into the index each time."""
    expiring_days: Annotated[int, Field(ge=0, le=MAX_TTL_DAYS)] = 7
    """So many days before a document expires, those who follow are told. One that is kept for a shorter time
    is told of at once. 0: nobody is told."""
    rate_limit_factor: int = Field(default=0, ge=0, le=1_000_000)
    """As everywhere, but with no limit: whoever comes through Ingester and Query is limited there."""
    scrub_enabled: bool = True
    """Whether the element reads and checks everything that it keeps by itself, again and again. Switched off,
    it does so only when asked, and does not go on by itself with what a restart interrupted."""
    scrub_days: Annotated[float, Field(gt=0, le=36500)] = 30.0
    """Within so many days every document is read again and compared with its checksum. Few days keep the
    disk busy all the time; many leave damage unseen for long, perhaps longer than backups are kept."""
    scrub_bytes_per_second: Annotated[int, Field(ge=64 * 1024)] = DEFAULT_BYTES_PER_SECOND
    """Most that this reading takes of the disk. Too little to be through in ``scrub_days`` is said in the log
    and at ``/api/v1/scrub``; a number beyond what the disk can do sets no limit, and slows others down."""

    @property
    def coding(self) -> CodingPolicy:
        return CodingPolicy(
            coding=None if self.compression is Compression.NONE else Coding(self.compression),
            min_bytes=self.compression_min_bytes,
            types=COMPRESSIBLE if self.compression_types is None else self.compression_types,
        )

    @property
    def thresholds(self) -> Thresholds:
        return Thresholds(
            warning=Threshold(self.warning_free_percent, self.warning_free_bytes),
            critical=Threshold(self.critical_free_percent, self.critical_free_bytes),
            full=Threshold(self.full_free_percent, self.full_free_bytes),
        )

    @model_validator(mode="after")
    def _with_prefix(self) -> Self:
        prefix = check_prefix(self.table_prefix or prefix_of(self.element_id))
        object.__setattr__(self, "table_prefix", prefix)  # frozen for everybody else; here it is being made
        return self
