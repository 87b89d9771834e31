"""What the Ingester is told."""

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from artstore.ingester.placement import Strategy
from artstore.kernel.settings import ServiceSettings


class IngesterSettings(ServiceSettings):
    """Settings of the Ingester; variables are called ``ARTSTORE_INGESTER_…``."""

    model_config = SettingsConfigDict(env_prefix="ARTSTORE_INGESTER_")

    port: int = Field(default=8020, ge=1, le=65535)
    """TCP port to listen on."""
    database_url: SecretStr
    """``postgresql+psycopg://…``: the database that remembers idempotency keys, in the schema ``ingester``.
    The role must be able to create that schema, or find it there."""
    database_pool_size: int = Field(default=10, ge=1, le=1000)
    """Connections to PostgreSQL, at most. Uploads with a key wait for one, for up to five seconds."""
    max_file_bytes: int = Field(default=10 * 1024**3, ge=1)
    """The largest document that is taken, in bytes. An element may take less; the smaller limit counts."""
    head_seconds: float = Field(default=60, gt=0, le=3600)
    """How long a client may take from the first byte of a form to the first byte of its file.

    Too short refuses clients on slow lines that send long attributes; too long lets idle ones hold a place.
    """
    client_silence_seconds: float = Field(default=60, gt=0, le=3600)
    """How long a client may send nothing in the middle of an upload; then it is refused with 408."""
    client_bytes_per_second: int = Field(default=1024, ge=0, le=1024**3)
    """What a client has to send on average while the service waits for it; 0: as slowly as it likes."""
    client_slow_seconds: float = Field(default=60, gt=0, le=3600)
    """How many seconds of waiting a client may fall behind that rate; then it is refused with 408.

    A client whose line is dead for so long is cut off, whatever it sent before.
    """
    uploads_at_once: int = Field(default=400, ge=1, le=100_000)
    """Uploads under way at once in one process; more are refused with 503. Each has two connections.

    Few refuse clients where many on slow lines send at once; more need more open files (``ulimit -n``).
    """
    uploads_of_account: int = Field(default=300, ge=1, le=100_000)
    """Those of one account; more are refused with 429. Below ``uploads_at_once``, no account alone keeps all
    others out."""
    held_bytes: int = Field(default=1024**2, ge=0, le=16 * 1024**2)
    """Bodies of up to so many bytes are read to their end before an element is chosen, and are sent again, to
    it or to the next, where it breaks off. All together at most 32 MiB are held; what is more is streamed."""
    element_silence_seconds: float = Field(default=60, gt=0, le=3600)
    """How long an element may take nothing while there are bytes for it, or may not answer what has no bytes
    and makes no document; then it counts as away."""
    element_answer_seconds: float = Field(default=300, gt=0, le=3600)
    """How long an element may take to answer after the last byte: it flushes the whole document then.

    Cut short, the client is told that the element is away although the document may have been stored.
    """
    held_answer_seconds: float = Field(default=20, gt=0, le=3600)
    """The same for a body that is held (``held_bytes``), at most ``element_answer_seconds``. After that it is
    sent to the element again, for half a minute; then the client is told that nobody knows.

    Longer, and clients have given up before they are told; shorter, and they are told of slow disks, too.
    """
    placement: Strategy = Strategy.PRIORITY
    """Which element takes a document, of those that fit: the first by ``priority`` (then by id), which fills
    one after the other, or the one with the most ``free_room``."""
    temporary_labels: dict[str, str] = Field(default={})
    """Labels that an element must have in the registry to take temporary documents, as a JSON object."""
    permanent_labels: dict[str, str] = Field(default={})
    """The same for permanent documents."""
    permanent_days: int | None = Field(default=None, ge=1, le=36500)
    """Permanent documents go only to elements whose registered retention period lasts so many days more.

    Without it a period is not asked for. With it, an element without a period takes none.
    """
    breaker_failures: int = Field(default=3, ge=1, le=1000)
    """Failures in a row (not reached, silent, broken) after which an element is left alone for a while."""
    breaker_open_seconds: float = Field(default=1, gt=0, le=3600)
    """How long it is left alone at first, give or take half of it; doubled each time it fails again."""
    breaker_longest_seconds: float = Field(default=30, gt=0, le=3600)
    """The longest that it is left alone before it is tried again."""
    client_id: str = ""
    """The account of the services, for Admin's registry while Redis is away, and to report refused accesses.

    Empty: the registry is not asked, and the last known elements are used until Redis is back; refused
    accesses do not come into the audit trail.
    """
    client_secret: SecretStr = SecretStr("")
    """Its secret."""
